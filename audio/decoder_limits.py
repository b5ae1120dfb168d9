"""Confines the decoder process before it reads an untrusted file.

On Linux: the network (a namespace of its own without any, and a filter of system calls), every
file (Landlock and the filter), new programs and processes, signals and whatever else reaches other
processes (the filter, and Landlock where it knows signals), and memory beyond a limit. Elsewhere
what the system offers: file sizes on macOS; on Windows the parent's watch over time and memory is
all there is. What a Linux system lacks is reported to the parent, which logs it; files are
decoded all the same, for the process itself is the first protection.
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
"""Bytes that may be mapped beyond what the libraries take."""

_FILES = 64
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _LANDLOCK_VERSION = 444, 446, 1
_LANDLOCK_FILES = {1: (1 << 13) - 1, 3: 1 << 14, 5: 1 << 15}
"""Rights over files, by the version that brought them: reading, writing, running, making and
removing; cutting off; controlling devices."""
_LANDLOCK_NETWORK = {4: 0b11}
"""Listening and connecting over TCP."""
_LANDLOCK_SCOPES = {6: 0b11}
"""Abstract sockets of, and signals to, processes outside."""


def confine() -> list[str]:
    """Give up everything that decoding does not need.

    Call it after the libraries are loaded (no file can be opened any more) and before there are
    threads (a process with threads cannot leave its namespaces).

    Returns:
        The limits that this Linux system does not have, as words for the log; none elsewhere.
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
    except Exception as error:  # an odd C library: whatever follows is missing, too
        missing.append(f"what follows ({type(error).__name__})")
    return missing


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
        poll.register(stdin, 0)  # nothing but the hang-up, which is always reported
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _limit_resources() -> bool:
    """Whether memory is limited."""
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
    """A Landlock domain that allows no file at all, and no signals to processes outside.

    Processes outside cannot be traced from it, either.
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
