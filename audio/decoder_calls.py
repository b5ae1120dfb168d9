"""The system calls that are refused to a decoder process (Linux, seccomp).

Decoding needs only two pipes that are open already, so all calls are refused that open files, reach
other processes, or make processes that could outlive this one. Calls that are newer than the list
are refused as unknown: a C library tries those first and falls back to the older ones, as it does
on an older kernel.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass

_OLDEST_UNKNOWN = 424
"""From here on all machines have the same numbers: pidfd_send_signal, io_uring, clone3, openat2."""

_CLONE_THREAD = 0x00010000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_PR_SET_SECCOMP, _SECCOMP_FILTER = 22, 2


@dataclass(frozen=True)
class Machine:
    """The numbers of the system calls on one architecture.

    Attributes:
        audit: the kernel's number of the architecture (AUDIT_ARCH_…).
        seccomp: the call that installs a filter.
        clone, prlimit, fcntl: calls that are allowed with some arguments only.
        refused: the calls that fail with EPERM, by name.
    """

    audit: int
    seccomp: int
    clone: int
    prlimit: int
    fcntl: int
    refused: dict[str, int]


def _table(text: str) -> dict[str, int]:
    pairs = (pair.split() for pair in text.split(",") if pair.strip())
    return {name: int(number) for name, number in pairs}


MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        seccomp=317,
        clone=56,
        prlimit=302,
        fcntl=72,
        refused=_table(
            # Files: for kernels without Landlock, and for what it does not cover.
            "open 2, creat 85, openat 257, open_by_handle_at 304, "
            "truncate 76, ftruncate 77, fallocate 285, chdir 80, fchdir 81, "
            "rename 82, mkdir 83, rmdir 84, link 86, unlink 87, symlink 88, "
            "renameat 264, renameat2 316, mkdirat 258, linkat 265, "
            "unlinkat 263, symlinkat 266, mknod 133, mknodat 259, "
            "chmod 90, fchmod 91, fchmodat 268, "
            "chown 92, fchown 93, lchown 94, fchownat 260, "
            "utime 132, utimes 235, futimesat 261, utimensat 280, "
            "setxattr 188, lsetxattr 189, fsetxattr 190, "
            "removexattr 197, lremovexattr 198, fremovexattr 199, "
            "ioctl 16, memfd_create 319, name_to_handle_at 303, "
            "io_setup 206, io_submit 209, fanotify_init 300, "
            # The network.
            "socket 41, connect 42, accept 43, bind 49, listen 50, "
            "socketpair 53, accept4 288, "
            # Other processes, and this one's priority and group.
            "fork 57, vfork 58, execve 59, execveat 322, "
            "kill 62, tkill 200, tgkill 234, "
            "rt_sigqueueinfo 129, rt_tgsigqueueinfo 297, "
            "ptrace 101, process_vm_readv 310, process_vm_writev 311, kcmp 312, "
            "setpgid 109, setsid 112, setpriority 141, ioprio_set 251, "
            "sched_setparam 142, sched_setscheduler 144, sched_setaffinity 203, "
            "sched_setattr 314, migrate_pages 256, move_pages 279, "
            "shmget 29, shmat 30, semget 64, msgget 68, mq_open 240, "
            # The system.
            "mount 165, umount2 166, pivot_root 155, chroot 161, "
            "unshare 272, setns 308, personality 135, "
            "setuid 105, setgid 106, setgroups 116, setreuid 113, setregid 114, "
            "setresuid 117, setresgid 119, setfsuid 122, setfsgid 123, capset 126, "
            "add_key 248, request_key 249, keyctl 250, "
            "bpf 321, perf_event_open 298, userfaultfd 323, "
            "syslog 103, acct 163, reboot 169, sethostname 170, "
            "setdomainname 171, swapon 167, swapoff 168, quotactl 179, "
            "settimeofday 164, adjtimex 159, clock_settime 227, clock_adjtime 305, "
            "init_module 175, delete_module 176, finit_module 313, "
            "kexec_load 246, kexec_file_load 320, iopl 172, ioperm 173, "
            "modify_ldt 154, "
        ),
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        seccomp=277,
        clone=220,
        prlimit=261,
        fcntl=25,
        refused=_table(
            "openat 56, open_by_handle_at 265, truncate 45, ftruncate 46, "
            "fallocate 47, chdir 49, fchdir 50, renameat 38, renameat2 276, "
            "mkdirat 34, linkat 37, unlinkat 35, symlinkat 36, mknodat 33, "
            "fchmod 52, fchmodat 53, fchownat 54, fchown 55, utimensat 88, "
            "setxattr 5, lsetxattr 6, fsetxattr 7, "
            "removexattr 14, lremovexattr 15, fremovexattr 16, "
            "ioctl 29, memfd_create 279, name_to_handle_at 264, "
            "io_setup 0, io_submit 2, fanotify_init 262, "
            "socket 198, socketpair 199, bind 200, listen 201, accept 202, "
            "connect 203, accept4 242, "
            "execve 221, execveat 281, kill 129, tkill 130, tgkill 131, "
            "rt_sigqueueinfo 138, rt_tgsigqueueinfo 240, "
            "ptrace 117, process_vm_readv 270, process_vm_writev 271, kcmp 272, "
            "setpgid 154, setsid 157, setpriority 140, ioprio_set 30, "
            "sched_setparam 118, sched_setscheduler 119, sched_setaffinity 122, "
            "sched_setattr 274, migrate_pages 238, move_pages 239, "
            "shmget 194, shmat 196, semget 190, msgget 186, mq_open 180, "
            "mount 40, umount2 39, pivot_root 41, chroot 51, "
            "unshare 97, setns 268, personality 92, "
            "setuid 146, setgid 144, setgroups 159, setreuid 145, setregid 143, "
            "setresuid 147, setresgid 149, setfsuid 151, setfsgid 152, capset 91, "
            "add_key 217, request_key 218, keyctl 219, "
            "bpf 280, perf_event_open 241, userfaultfd 282, "
            "syslog 116, acct 89, reboot 142, sethostname 161, "
            "setdomainname 162, swapon 224, swapoff 225, quotactl 60, "
            "settimeofday 170, adjtimex 171, clock_settime 112, clock_adjtime 266, "
            "init_module 105, delete_module 106, finit_module 273, "
            "kexec_load 104, kexec_file_load 294, "
        ),
    ),
}


def refuse_calls(libc: ctypes.CDLL, machine: Machine) -> bool:
    """Install the filter, irrevocably and for all threads of this process.

    Requires the attribute “no new privileges” (PR_SET_NO_NEW_PRIVS).

    Returns:
        Whether the kernel installed it.
    """
    program = _program(machine)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    loaded = Program(len(program), code)
    if libc.syscall(machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(loaded)) == 0:
        return True
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(loaded), 0, 0) == 0)


def _program(machine: Machine) -> list[tuple[int, int, int, int]]:
    """Build the filter as BPF instructions: (code, jump if true, jump if false, value)."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, unknown = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS
    number, architecture, first, second = 0, 4, 16, 24  # offsets in seccomp_data
    program = [
        # All calls by another architecture's numbers (32 bits, x32) are refused.
        (load, 0, 0, architecture),
        (equal, 1, 0, machine.audit),
        (give, 0, 0, refuse),
        (load, 0, 0, number),
        (at_least, 0, 1, _OLDEST_UNKNOWN),
        (give, 0, 0, unknown),
    ]
    for call in sorted(machine.refused.values()):
        program += [(equal, 0, 1, call), (give, 0, 0, refuse)]
    return [
        *program,
        # Threads may be created, processes may not.
        *((equal, 0, 4, machine.clone), (load, 0, 0, first), (any_bit, 1, 0, _CLONE_THREAD)),
        *((give, 0, 0, refuse), (give, 0, 0, allow)),
        # It may set its own limits, which can only be lowered, and no other process's.
        *((equal, 0, 4, machine.prlimit), (load, 0, 0, first), (equal, 1, 0, 0)),
        *((give, 0, 0, refuse), (give, 0, 0, allow)),
        # By these, a pipe could send any signal to any process of the same user.
        *((equal, 0, 5, machine.fcntl), (load, 0, 0, second)),
        *((equal, 2, 0, _F_SETOWN), (equal, 1, 0, _F_SETSIG), (equal, 0, 1, _F_SETOWN_EX)),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    ]
