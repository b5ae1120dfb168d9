"""The decoder's process: same results, and whatever happens to it costs one sentence."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import decoder, decoder_answers, files, image
from audio.arrays import Floats
from audio.decoder import Decoder
from audio.decoder_protocol import Broken, receive, send
from audio.encoding import FORMATS, Format
from audio.errors import AudioError

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


@POSIX
def test_a_process_killed_in_the_middle_is_one_sentence_and_the_next_file_works(
    tone: Floats,
) -> None:
    mine = Decoder()
    data = files.encode(tone, 44100, "flac")
    mine.read(data)
    (pid,) = mine.processes()
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(AudioError, match="failed in the middle"):
        mine.read(data)

    assert mine.read(data).samples.shape == tone.shape
    assert pid not in mine.processes()
    mine.close()


@POSIX
def test_a_process_that_hangs_is_ended_after_its_time(tone: Floats) -> None:
    mine = Decoder(seconds=0.5)
    data = files.encode(tone, 44100, "wav")
    mine.read(data)
    (pid,) = mine.processes()
    os.kill(pid, signal.SIGSTOP)
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
    closer = threading.Timer(0.2, mine.close)
    closer.start()
    with pytest.raises(AudioError):
        mine.read(data)
    closer.join()
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


answers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["shape", "rate", "notes", "more", "image", "params", "recipe", "grey"]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(answers)
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
