"""The decoder's process: same results, and whatever happens to it costs one sentence."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from audio import decoder, decoder_answers, decoder_process, files, image, regrid
from audio.arrays import Floats
from audio.decoder import Decoder
from audio.decoder_calls import MACHINES
from audio.decoder_protocol import Broken, receive, send
from audio.encoding import FORMATS, Format
from audio.errors import AudioError
from audio.params import SpectrogramParams

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines it")
POSIX = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system stops no processes")


def python(code: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=check,
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_sound_is_the_same_as_decoded_here(format: Format, tone: Floats, tmp_path: Path) -> None:
    data = files.encode(tone, 44100, format, tags={"title": "Ärger", "comment": "{}"})
    path = tmp_path / "sound"
    path.write_bytes(data)
    for source in (data, path):
        found, here = decoder.read(source), files.read(source)
        assert np.array_equal(found.samples, here.samples)
        assert (found.sample_rate, found.notes) == (here.sample_rate, here.notes)
        assert decoder.read_tags(source) == files.read_tags(source)


@pytest.mark.parametrize("stereo", [False, True])
def test_a_picture_is_the_same_as_decoded_here(stereo: bool, tmp_path: Path) -> None:
    shape = (512, 300, 2) if stereo else (512, 300)
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    data = image.encode_png(pixels, recipe='{"prompt": "ä"}')
    path = tmp_path / "picture"
    path.write_bytes(data)
    for source in (data, path):
        found, here = decoder.decode_image(source), image.decode_image(source)
        assert np.array_equal(found.pixels, here.pixels)
        assert (found.params, found.recipe, found.grey) == (here.params, here.recipe, here.grey)


def test_sentences_come_through_and_the_process_goes_on(tmp_path: Path) -> None:
    mine = Decoder()
    for use in (mine.read, mine.read_tags, mine.decode_image):
        for source in (b"", b"no such thing" * 100, tmp_path / "none", tmp_path):
            with pytest.raises(AudioError, match=r"\.$"):
                use(source)
    assert len(mine.processes()) == 1
    mine.close()
    assert mine.processes() == []


def killed_at_the_first_piece(monkeypatch: pytest.MonkeyPatch, mine: Decoder) -> None:
    """Have the child killed, once, when a piece of a file is sent to it."""

    def sending(out: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
        if "do" not in header:
            monkeypatch.setattr(decoder_process, "send", send)
            for pid in mine.processes():
                os.kill(pid, signal.SIGKILL)
        send(out, header, body)

    monkeypatch.setattr(decoder_process, "send", sending)


@POSIX
def test_a_process_killed_in_the_middle_is_one_sentence_and_the_next_file_works(
    tone: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "flac")
    mine.read(data)
    (pid,) = mine.processes()
    killed_at_the_first_piece(monkeypatch, mine)
    with pytest.raises(AudioError, match="failed in the middle"):
        mine.read(data)

    assert mine.read(data).samples.shape == tone.shape
    assert pid not in mine.processes()
    mine.close()


@POSIX
def test_a_process_that_breaks_before_it_looks_at_a_file_costs_that_file_nothing(
    tone: Floats,
) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "flac")
    mine.read(data)
    (pid,) = mine.processes()
    os.kill(pid, signal.SIGSTOP)  # so that it is asked, and does not answer
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(mine.read, data)
        worker = next(iter(mine._all))
        until = time.monotonic() + 30
        while worker.files < 2 and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        assert reading.result(60).samples.shape == tone.shape
    assert pid not in mine.processes()
    assert not psutil.pid_exists(pid)
    mine.close()


def too_much() -> bytes:
    """A picture that is small as a file, and laid on white takes two gigabytes."""
    out = io.BytesIO()
    picture = Image.new("P", (13_000, 13_000))
    picture.save(out, "PNG", bits=1, transparency=0, compress_level=1)
    return out.getvalue()


@LINUX
def test_a_file_that_needs_too_much_memory_costs_the_next_one_nothing(tone: Floats) -> None:
    mine = Decoder()
    picture, sound = too_much(), files.encode(tone, 44100, "wav")
    for _ in range(2):
        with pytest.raises(AudioError, match="more memory"):
            mine.decode_image(picture, max_pixels=2**31)
        assert mine.processes() == []
        assert mine.read(sound).samples.shape == tone.shape
    mine.close()


@POSIX
def test_a_process_that_hangs_is_ended_after_its_time(
    tone: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "wav")
    mine.read(data)
    (pid,) = mine.processes()
    os.kill(pid, signal.SIGSTOP)
    with monkeypatch.context() as only_here:
        only_here.setattr(mine, "_seconds", 0.5)
        with pytest.raises(AudioError, match="takes too long"):
            mine.read(data)

    assert not psutil.pid_exists(pid)
    assert mine.read_tags(data) is not None
    mine.close()


@POSIX
def test_a_process_that_died_while_idle_is_replaced_without_a_word(tone: Floats) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "wav")
    mine.read(data)
    (pid,) = mine.processes()
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while mine.processes() and time.monotonic() < until:
        time.sleep(0.01)
    assert mine.read(data).samples.shape == tone.shape
    mine.close()


def test_many_threads_share_two_processes_and_one_stays(tone: Floats) -> None:
    mine = Decoder(workers=2)
    data = files.encode(tone, 44100, "mp3")
    most = 0

    def one(_: int) -> int:
        nonlocal most
        count = len(mine.read(data).samples)
        most = max(most, len(mine.processes()))
        return count

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(24))) == {len(tone)}
    assert most <= 2
    assert len(mine.processes()) == 1
    mine.close()


@POSIX
def test_closing_ends_what_is_being_decoded(tone: Floats) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "wav")
    mine.read(data)
    os.kill(mine.processes()[0], signal.SIGSTOP)
    (worker,) = mine._all
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(mine.read, data)
        until = time.monotonic() + 30
        while worker.files < 2 and time.monotonic() < until:
            time.sleep(0.01)
        mine.close()
        with pytest.raises(AudioError):
            reading.result(60)
    assert mine.processes() == []


@pytest.mark.parametrize("ending", ["pass", "os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_no_process_outlives_its_parent(ending: str) -> None:
    if "kill" in ending and sys.platform == "win32":
        pytest.skip("Windows knows no signal 9")
    code = (
        "import os, numpy as np\n"
        "from audio import decoder, files\n"
        "decoder.read(files.encode(np.ones(4410, np.float32) / 2, 44100, 'wav'))\n"
        "print(*decoder.processes(), flush=True)\n" + ending
    )
    pid = int(python(code, check=False).stdout)
    ended(pid)


def ended(pid: int) -> None:
    """Wait until a process is gone, or is only waiting for somebody to take note."""
    until = time.monotonic() + 30
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until, "it is still there"
            time.sleep(0.02)


@LINUX
def test_a_decode_in_progress_ends_with_its_parent() -> None:
    """Also one that computes and reads no more: a long FLAC, whose parent dies at once."""
    code = (
        "import os, sys, io, threading, time, numpy as np, soundfile\n"
        "from audio import decoder, files\n"
        "out = io.BytesIO()\n"
        "soundfile.write(out, np.zeros(8000 * 3600, np.int16), 8000, format='FLAC')\n"
        "decoder.read_tags(out.getvalue())\n"
        "print(*decoder.processes(), flush=True)\n"
        "more = {'max_seconds': 10, 'skip_seconds': 1e5}\n"
        "threading.Thread(target=decoder.read, args=[out.getvalue()], kwargs=more).start()\n"
        "time.sleep(0.2)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    pid = int(python(code, check=False).stdout)
    ended(pid)


@LINUX
def test_it_can_open_no_file_no_socket_and_no_program() -> None:
    code = (
        "import os, socket, subprocess, sys, ctypes, json\n"
        "import numpy as np\n"
        "from audio.decoder_limits import confine\n"
        "confine()\n"
        "told = {}\n"
        "def tried(name, what):\n"
        "    try: told[name] = repr(what())\n"
        "    except BaseException as error: told[name] = type(error).__name__\n"
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
        "print(json.dumps(told))\n"
    )
    told = json.loads(python(code, str(ROOT / "never")).stdout)
    assert told["memory"] in ("MemoryError", "_ArrayMemoryError")
    assert told["some memory"] == str(2**29)
    for name in ("socket", "unix", "program", "signal"):
        assert told[name] == "PermissionError", (name, told[name])
    if landlocked():
        for name in ("file", "folder", "writing", "environment"):
            assert told[name] == "PermissionError", (name, told[name])


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
told = {}
def call(name, number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    if result == 0 and name in ("fork", "vfork", "clone", "clone with a parent"):
        os._exit(0)
    told[name] = errno.errorcode.get(ctypes.get_errno(), "") if result == -1 else "done"
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
told["thread"] = "done" if done else ""
print(json.dumps([missing, told]))
"""


@LINUX
@pytest.mark.parametrize("landlock", [True, False])
def test_it_can_reach_no_other_process_and_make_none(landlock: bool) -> None:
    if platform.machine() not in MACHINES:
        pytest.skip("no filter is known for this machine")
    code = CALLS
    if not landlock:
        code = code.replace("missing = confine()", WITHOUT_LANDLOCK)
    missing, told = json.loads(python(code, str(os.getpid())).stdout)
    if landlock == landlocked():
        assert ("Landlock" in missing) != landlock
    assert "a filter of system calls" not in missing
    allowed = {"own prlimit", "own fcntl", "thread"}
    unknown = {"pidfd_send_signal", "pidfd_open", "clone3", "openat2", "io_uring_setup", "x32 kill"}
    assert {name for name, what in told.items() if what == "done"} == allowed
    assert {name for name, what in told.items() if what == "ENOSYS"} == unknown & told.keys()
    assert {told[name] for name in told.keys() - allowed - unknown} == {"EPERM"}


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
        worker = decoder_process.Worker()
    until = time.monotonic() + 30
    while child == "is gone" and worker.running and time.monotonic() < until:
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


@LINUX
def test_nothing_of_the_environment_reaches_it_but_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tone: Floats
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a-secret")
    mine = Decoder()
    mine.read(files.encode(tone, 44100, "wav"))
    try:
        environment = psutil.Process(mine.processes()[0]).environ()
    except psutil.AccessDenied:
        pytest.skip("it is closed even to its parent, which is fine")
    finally:
        mine.close()
    assert "a-secret" not in str(environment)


def test_it_loads_neither_torch_nor_discord_nor_riffbot() -> None:
    code = "import sys, audio.decoder_worker\nprint(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(python(code).stdout.split())
    assert {"av", "soundfile", "PIL", "soxr", "numpy"} <= loaded
    assert not loaded & {"torch", "discord", "riffbot", "numba", "scipy", "librosa", "aiohttp"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_frames(data: bytes) -> None:
    try:
        header = receive(io.BytesIO(data))
    except Broken:
        return
    assert isinstance(header["body"], int)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9)), st.binary())
def test_frames_come_through(header: dict[str, object], body: bytes) -> None:
    out = io.BytesIO()
    send(out, header, body)
    out.seek(0)
    found = receive(out)
    assert found == {**header, "body": len(body)}
    assert out.read() == body


any_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 10**400, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["shape", "rate", "notes", "more", "image"]), inner, max_size=8
        )
    ),
    max_leaves=20,
)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    """A picture's answer, and whether an honest decoder could have given it."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    stereo = draw(st.booleans())
    rate = draw(st.integers(1000, 768000))
    samples = st.integers(round(rate / 1000), rate * 10)
    lowest = draw(st.integers(0, rate - 1))
    params: dict[str, Any] = {
        "sample_rate": rate,
        **{name: draw(samples) for name in ("hop_length", "win_length", "n_fft")},
        "n_mels": draw(st.integers(1, 8192)),
        "min_frequency": lowest,
        "max_frequency": draw(st.integers(lowest + 1, rate)),
        "power": draw(st.floats(0.01, 10)),
        "stereo": stereo,
    }
    told: dict[str, Any] = {
        "params": params,
        "recipe": draw(st.none() | st.text(max_size=9)),
        "grey": draw(st.booleans()),
        "note": draw(st.sampled_from(["", "The file ends too early."])),
        "retired_tag": draw(st.booleans()),
    }
    honest = draw(st.booleans())
    if not honest:
        where = draw(st.sampled_from([params, told]))
        where[draw(st.sampled_from(sorted(where)))] = draw(any_value)
    shape = [height, width, 2] if stereo else [height, width]
    return {"shape": shape, "image": told}, honest


def blank(array: np.ndarray) -> None:
    assert array.nbytes <= 1_000_000
    array[:] = 128


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_a_picture_of_a_process_in_a_strangers_hands_can_be_used_or_is_refused(
    answer: tuple[dict[str, Any], bool],
) -> None:
    told, honest = answer
    try:
        found = decoder_answers.image(told, blank, 500_000)
    except (ValueError, KeyError, TypeError):
        assert not honest
        return
    assert found.recipe is None or isinstance(found.recipe, str)
    assert isinstance(found.note, str)
    image.encode_png(found.pixels, params=found.params)
    with contextlib.suppress(AudioError):
        # As it was made, that is, not scaled; a column of it, which is quick.
        regrid.standard(replace(found, pixels=np.zeros((found.params.n_mels, 1), np.uint8)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("sample_rate", value) for value in (0, -1, True, 44100.0, 10**400)),
        *(("power", value) for value in (0, 0.0, -1.0, float("nan"), 10**400, "1")),
        *(("max_frequency", value) for value in (0, 10**400, 44101)),
        *(("hop_length", value) for value in (0, 1, 441001)),
        *(("n_mels", value) for value in (0, 8193)),
        *(("stereo", value) for value in (1, True, None)),
        *(("recipe", value) for value in (5, [], True)),
        *(("note", value) for value in (7, None)),
        *(("grey", value) for value in (1, None)),
    ],
)
def test_a_picture_that_says_of_itself_what_none_can_is_refused(name: str, value: object) -> None:
    told: dict[str, Any] = {
        "params": asdict(SpectrogramParams()),
        "recipe": None,
        "grey": True,
        "note": "",
        "retired_tag": False,
    }
    answer = {"shape": [4, 4], "image": told}
    assert decoder_answers.image(answer, blank, 100).params == SpectrogramParams()
    (told["params"] if name in told["params"] else told)[name] = value
    with pytest.raises((ValueError, TypeError)):
        decoder_answers.image(answer, blank, 100)


@settings(max_examples=300, deadline=None)
@given(any_value)
def test_an_answer_of_a_process_in_a_strangers_hands_is_no_worse_than_refused(
    told: object,
) -> None:
    def fill(array: object) -> None:
        assert getattr(array, "nbytes", 0) <= 1_000_000

    for check in (
        lambda: decoder_answers.sound(told, fill, 1_000_000),  # type: ignore[arg-type]
        lambda: decoder_answers.tags(told, fill),  # type: ignore[arg-type]
        lambda: decoder_answers.image(told, fill, 500_000),  # type: ignore[arg-type]
    ):
        try:
            check()
        except (ValueError, KeyError, TypeError):
            continue


def test_samples_that_are_no_sound_are_refused() -> None:
    def fill(array: np.ndarray) -> None:
        array[:] = np.nan

    told = {"shape": [100], "rate": 44100, "notes": [], "more": False}
    with pytest.raises(ValueError, match="samples"):
        decoder_answers.sound(told, fill, 1000)
