"""What the decoder's process takes from itself before it looks at a stranger's file.

On Linux: the network (a namespace of its own without any, and a filter of system calls), every
file (Landlock), new programs, and memory beyond a limit. Elsewhere what the system offers: memory
and file sizes on macOS; on Windows the parent's watch over time and memory is all there is. What
is not available is left out without a word: the process itself is the first of the walls.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import select
import struct
import sys
import threading

ADDRESS_SPACE = 2 * 1024**3
"""Bytes that may be mapped beyond what the libraries take."""

_FILES = 64
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_SECCOMP_FILTER = 2
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_LANDLOCK_RIGHTS = (1 << 13) - 1
"""Reading, writing, running, making and removing: all rights of Landlock's first version."""

# Number of each forbidden call by machine; they fail with EPERM.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FORBIDDEN = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "bind": 49,
        "socketpair": 53,
        "execve": 59,
        "kill": 62,
        "ptrace": 101,
        "mount": 165,
        "add_key": 248,
        "keyctl": 250,
        "unshare": 272,
        "setns": 308,
        "tkill": 200,
        "tgkill": 234,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "bpf": 321,
        "execveat": 322,
        "io_uring_setup": 425,
        "pidfd_open": 434,
    },
    "aarch64": {
        "mount": 40,
        "unshare": 97,
        "ptrace": 117,
        "kill": 129,
        "tkill": 130,
        "tgkill": 131,
        "socket": 198,
        "socketpair": 199,
        "add_key": 217,
        "keyctl": 219,
        "setns": 268,
        "bind": 200,
        "connect": 203,
        "execve": 221,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "bpf": 280,
        "execveat": 281,
        "io_uring_setup": 425,
        "pidfd_open": 434,
    },
}


def confine() -> None:
    """Give up everything that decoding does not need.

    Call it after the libraries are loaded (no file can be opened any more) and before there are
    threads (a process with threads cannot leave its namespaces).
    """
    _limit_resources()
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            libc = ctypes.CDLL(None, use_errno=True)
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC)
            libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
            libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            _close_the_files(libc)
            _filter_calls(libc)


def limit_cpu(seconds: int) -> None:
    """End the process once it has computed so many seconds more."""
    with contextlib.suppress(Exception):
        import resource  # noqa: PLC0415 - absent on Windows

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def trim_memory() -> None:
    """Give what the last file took back to the system: the next one may be long in coming."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


def end_with_the_parent(stdin: int) -> None:
    """End when the other end of standard input is gone, even in the middle of a decode."""
    if not hasattr(select, "poll"):
        return  # Windows: the next reading from standard input finds its end

    def watch() -> None:
        poll = select.poll()
        poll.register(stdin, 0)  # nothing but the hang-up, which is always told
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _limit_resources() -> None:
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return

    def limit(what: int, most: int) -> None:
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(what)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (most, most))

    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, _FILES)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
                pages = int(file.read().split()[0])
            limit(resource.RLIMIT_AS, pages * resource.getpagesize() + ADDRESS_SPACE)


def _close_the_files(libc: ctypes.CDLL) -> None:
    """A Landlock domain that allows no file at all; other processes cannot be traced from it."""
    attributes = struct.pack("<Q", _LANDLOCK_RIGHTS)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset >= 0:
        libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
        os.close(ruleset)


def _filter_calls(libc: ctypes.CDLL) -> None:
    """Sockets, new programs and other processes' memory are refused by the kernel."""
    machine = platform.machine()
    forbidden = sorted(_FORBIDDEN.get(machine, {}).values())
    if not forbidden:
        return
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | 1  # 1 is EPERM
    count = len(forbidden)
    # A call by another architecture's numbers is refused whole, and so are x32's (from 2^30 on).
    program = [
        (load, 0, 0, 4),
        (equal, 0, count + 3, _ARCHITECTURES[machine]),
        (load, 0, 0, 0),
        (at_least, count + 1, 0, 0x40000000),
    ]
    program += [(equal, count - i, 0, number) for i, number in enumerate(forbidden)]
    program += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    told = Program(len(program), code)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(told), 0, 0)
