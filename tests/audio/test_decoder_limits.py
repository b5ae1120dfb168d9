"""What a decoder in a stranger's hands cannot do: open, reach, make or leave anything."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from audio import decoder_process
from audio.decoder_calls import MACHINES
from audio.decoder_protocol import receive
from tests.audio.test_decoder import LINUX, ROOT, ended, python


@LINUX
def test_it_can_open_no_file_no_socket_and_no_program() -> None:
    code = (
        "import os, socket, subprocess, sys, ctypes, json\n"
        "import numpy as np\n"
        "from audio.decoder_limits import confine\n"
        "confine()\n"
        "results = {}\n"
        "def tried(name, what):\n"
        "    try: results[name] = repr(what())\n"
        "    except BaseException as error: results[name] = type(error).__name__\n"
        "tried('socket', socket.socket)\n"
        "tried('unix', lambda: socket.socket(socket.AF_UNIX))\n"
        "tried('program', lambda: os.execv('/bin/true', ['true']))\n"
        "tried('signal', lambda: os.kill(os.getppid(), 0))\n"
        "tried('file', lambda: open('/etc/hostname'))\n"
        "tried('folder', lambda: os.listdir('/'))\n"
        "tried('writing', lambda: open(sys.argv[1], 'w'))\n"
        "tried('environment', lambda: open(f'/proc/{os.getppid()}/environ'))\n"
        "tried('memory', lambda: len(np.ones(3 * 2**30, np.uint8)))\n"
        "tried('some memory', lambda: len(np.ones(2**29, np.uint8)))\n"
        "print(json.dumps(results))\n"
    )
    results = json.loads(python(code, str(ROOT / "never")).stdout)
    assert results["memory"] in ("MemoryError", "_ArrayMemoryError")
    assert results["some memory"] == str(2**29)
    for name in ("socket", "unix", "program", "signal"):
        assert results[name] == "PermissionError", (name, results[name])
    if landlocked():
        for name in ("file", "folder", "writing", "environment"):
            assert results[name] == "PermissionError", (name, results[name])


# Each entry: a call that reaches other processes or outlives this one, made as a library in a
# stranger's hands would make it. `victim` is another process of the same user.
CALLS = """
import ctypes, errno, json, os, platform, sys, threading
from audio.decoder_calls import MACHINES
from audio.decoder_limits import confine
victim = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
pipe = os.pipe()
missing = confine()
here = platform.machine()
machine = MACHINES[here]
refused = machine.refused
info, limits = ctypes.create_string_buffer(128), ctypes.create_string_buffer(64)
ctypes.c_int.from_buffer(info, 0).value = 9
ctypes.c_int.from_buffer(info, 8).value = -1
results = {}
def call(name, number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    if result == 0 and name in ("fork", "vfork", "clone", "clone with a parent"):
        os._exit(0)
    results[name] = errno.errorcode.get(ctypes.get_errno(), "") if result == -1 else "done"
call("rt_sigqueueinfo", refused["rt_sigqueueinfo"], victim, 0, info)
call("rt_tgsigqueueinfo", refused["rt_tgsigqueueinfo"], victim, victim, 0, info)
call("kill", refused["kill"], victim, 0)
call("tgkill", refused["tgkill"], victim, victim, 0)
call("setpriority", refused["setpriority"], 0, victim, 19)
call("sched_setaffinity", refused["sched_setaffinity"], victim, 8, limits)
call("sched_setscheduler", refused["sched_setscheduler"], victim, 0, info)
call("ioprio_set", refused["ioprio_set"], 1, victim, 0)
call("prlimit of another", machine.prlimit, victim, 7, None, limits)
call("fcntl owner", machine.fcntl, pipe[0], 8, victim)
call("fcntl signal", machine.fcntl, pipe[0], 10, 9)
call("clone", machine.clone, 17, None, None, None, None)
call("clone with a parent", machine.clone, 0x8000 | 17, None, None, None, None)
if "fork" in refused:
    call("fork", refused["fork"])
call("setsid", refused["setsid"])
call("openat", refused["openat"], -100, b"/dev/null", 0)
call("ptrace", refused["ptrace"], 16, victim, None, None)
call("pidfd_send_signal", 424, 3, 0, None, 0)
call("pidfd_open", 434, victim, 0)
call("clone3", 435, ctypes.create_string_buffer(88), 88)
call("openat2", 437, -100, b"/dev/null", limits, 24)
call("io_uring_setup", 425, 1, limits)
if here == "x86_64":
    call("x32 kill", 0x40000000 + 62, victim, 0)
call("own prlimit", machine.prlimit, 0, 7, None, limits)
call("own fcntl", machine.fcntl, pipe[0], 3, 0)
done = []
thread = threading.Thread(target=lambda: done.append(1))
thread.start(), thread.join()
results["thread"] = "done" if done else ""
print(json.dumps([missing, results]))
"""


@LINUX
@pytest.mark.parametrize("landlock", [True, False])
def test_it_can_reach_no_other_process_and_make_none(landlock: bool) -> None:
    if platform.machine() not in MACHINES:
        pytest.skip("no filter is known for this machine")
    code = CALLS
    if not landlock:
        code = code.replace("missing = confine()", WITHOUT_LANDLOCK)
    missing, results = json.loads(python(code, str(os.getpid())).stdout)
    if landlock == landlocked():
        assert ("Landlock" in missing) != landlock
    assert "a filter of system calls" not in missing
    allowed = {"own prlimit", "own fcntl", "thread"}
    unknown = {"pidfd_send_signal", "pidfd_open", "clone3", "openat2", "io_uring_setup", "x32 kill"}
    assert {name for name, what in results.items() if what == "done"} == allowed
    assert {name for name, what in results.items() if what == "ENOSYS"} == unknown & results.keys()
    assert {results[name] for name in results.keys() - allowed - unknown} == {"EPERM"}


WITHOUT_LANDLOCK = """
from audio import decoder_limits
decoder_limits._close_the_files = lambda libc: False
missing = confine()
"""


FORKS = """
import os, sys, time
from audio.decoder_protocol import send
forked = os.fork()
if not forked:
    time.sleep(60)
send(sys.stdout.buffer, {"ready": True, "forked": forked})
if sys.argv[1] == "waits":
    time.sleep(60)
"""


@LINUX
@pytest.mark.parametrize("child", ["waits", "is gone"])
def test_what_a_child_left_behind_in_its_group_ends_with_it(
    child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the filter does not keep it from making processes."""
    starting, seen = subprocess.Popen, []

    def popen(_: object, **options: Any) -> Any:
        return starting([sys.executable, "-c", FORKS, child], **options)

    def receiving(source: BinaryIO) -> dict[str, Any]:
        seen.append(receive(source))
        return seen[-1]

    with monkeypatch.context() as only_here:
        only_here.setattr(decoder_process, "receive", receiving)
        only_here.setattr(subprocess, "Popen", popen)
        worker = decoder_process.DecoderProcess()
    until = time.monotonic() + 30
    while child == "is gone" and worker.is_running and time.monotonic() < until:
        time.sleep(0.01)
    worker.kill()
    ended(seen[0]["forked"])


@LINUX
def test_a_limit_that_the_system_lacks_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decoder_process, "_reported", set())
    decoder_process._report(["Landlock", "a network namespace"])
    decoder_process._report(["Landlock"])
    decoder_process._report([])
    (line,) = caplog.messages
    assert "without Landlock, a network namespace" in line


def landlocked() -> bool:
    try:
        return "landlock" in Path("/sys/kernel/security/lsm").read_text()
    except OSError:
        code = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
        return int(python(code).stdout) > 0
