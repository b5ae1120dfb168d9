"""Restricts a decoder process before it reads an untrusted file.

On Linux it has no network (an empty network namespace, and a filter of system calls) and no files
(Landlock and the filter), cannot start programs or processes, or reach other processes by signals
or otherwise (the filter, and newer versions of Landlock), and its memory is limited. On macOS the
size of files is limited; on Windows only the parent limits time and memory. Restrictions that a
Linux system lacks are reported to the parent, which logs them; files are decoded all the same,
since the separate process is the first protection.
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

from audio.decoder_calls import MACHINES, refuse_calls

ADDRESS_SPACE = 2 * 1024**3
"""Bytes that may be mapped in addition to the libraries' memory."""

_FILES = 64
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _LANDLOCK_VERSION = 444, 446, 1
_LANDLOCK_FILES = {1: (1 << 13) - 1, 3: 1 << 14, 5: 1 << 15}
"""Rights over files by the Landlock version that introduced them: read, write, execute, make and
remove; truncate; ioctl on devices."""
_LANDLOCK_NETWORK = {4: 0b11}
"""Binding and connecting TCP sockets."""
_LANDLOCK_SCOPES = {6: 0b11}
"""Abstract sockets of other processes, and signals to them."""


def confine() -> list[str]:
    """Remove all access that decoding does not need.

    Call it after the libraries are loaded, since no file can be opened afterwards, and before
    threads are started, since a process with threads cannot leave its namespaces.

    Returns:
        The restrictions that this Linux system lacks, for the log; none on other systems.
    """
    missing = [] if _limit_resources() else ["a memory limit"]
    if sys.platform != "linux":
        return []
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) != 0:
            missing.append("a network namespace")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if not _close_the_files(libc):
            missing.append("Landlock")
        machine = MACHINES.get(platform.machine())
        if machine is None or not refuse_calls(libc, machine):
            missing.append("a filter of system calls")
    except Exception as error:  # an unusual C library
        missing.append(f"what follows ({type(error).__name__})")
    return missing


def limit_cpu(seconds: int) -> None:
    """End the process after so many more seconds of processor time."""
    with contextlib.suppress(Exception):
        import resource  # noqa: PLC0415 - absent on Windows

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def trim_memory() -> None:
    """Return free memory to the system: the next file may come much later."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


def end_with_the_parent(stdin: int) -> None:
    """End the process when the other end of standard input is closed, even while decoding."""
    if not hasattr(select, "poll"):
        return  # Windows: the next read of standard input returns its end

    def watch() -> None:
        poll = select.poll()
        poll.register(stdin, 0)  # POLLHUP is always reported
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _limit_resources() -> bool:
    """Set resource limits. Returns whether memory is limited."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return False

    def limit(what: int, most: int) -> bool:
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(what)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (most, most))
            return True
        return False

    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_NOFILE, _FILES)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
                pages = int(file.read().split()[0])
            return limit(resource.RLIMIT_AS, pages * resource.getpagesize() + ADDRESS_SPACE)
    return False


def _close_the_files(libc: ctypes.CDLL) -> bool:
    """Enter a Landlock domain that allows no files, and no signals to other processes.

    It prevents tracing other processes, too. Returns whether it is enforced.
    """
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return False
    kinds = (_LANDLOCK_FILES, _LANDLOCK_NETWORK, _LANDLOCK_SCOPES)
    # Rights that a version does not know must be zero.
    rights = [sum(bits for since, bits in kind.items() if since <= version) for kind in kinds]
    attributes = struct.pack("<QQQ", *rights)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    closed = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return closed
