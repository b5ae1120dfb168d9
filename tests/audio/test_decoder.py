"""The decoder's process: same results, and whatever happens to it costs one sentence."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from audio import decoder, decoder_process, files, image
from audio.arrays import Floats
from audio.decoder import Decoder
from audio.decoder_protocol import ProtocolError, receive, send
from audio.encoding import FORMATS, Format
from audio.errors import AudioError
from riffbot.locations import ROOT

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
    except ProtocolError:
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
