"""What was kept of a jam can be made again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio import codec
from audio.arrays import Pixels
from audio.resample import resample
from riffbot.cli import main
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.excerpt import ExcerptRecipe, render_excerpt
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.request import RiffRequest
from tests.riffbot.jam.conftest import ANN, Start, read, settled
from tests.support.fake_pipeline import drawn
from tests.support.tiny_models import tiny_embedded_model


async def draw(request: RiffRequest) -> Pixels:
    return drawn(request)


async def test_the_recipe_makes_the_same_columns_again(start: Start) -> None:
    session = await start()
    await settled(session)
    await read(session, 77)
    await session.vote_for_prompt("bells", ANN)
    await read(session, 170)
    kept = await session.take_excerpt(4.0)
    recipe = ExcerptRecipe.from_json(json.loads(json.dumps(kept.recipe.to_json())))
    assert recipe == kept.recipe
    timeline, first = await recipe.rebuild_timeline(draw)
    columns, looping = timeline.read_pixels(first, first + recipe.columns)
    np.testing.assert_array_equal(columns, kept.pixels)
    assert not looping
    blocks = [block async for block in recipe.replay(draw)]
    sound = np.concatenate(blocks)
    assert len(sound) == len(kept.samples)

    def mel(samples: np.ndarray) -> np.ndarray:
        return codec.mel_spectrogram(resample(samples, 48000, 24000), recipe.columns)

    one, two = mel(sound)[20:], mel(kept.samples)[20:]
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.8, "of unrelated noise it is 0"


@pytest.mark.parametrize(
    "change",
    [
        {"width": 10**9},
        {"columns": 0},
        {"chunks": []},
        {"phase": -1},
        {"beats": "four"},
        {"chunks": [{"from": 9, "request": {"prompt": "x"}}]},
        {"chunks": [{"from": 0, "request": {"prompt": ""}}]},
        {"chunks": 3},
    ],
)
def test_a_damaged_recipe_is_a_sentence(change: dict[str, object]) -> None:
    request = {"prompt": "x", "seed": 1}
    value = {
        "width": 128,
        "beats": 4,
        "measure": 4,
        "phase": 0,
        "columns": 100,
        "chunks": [{"from": -5, "request": request}],
    }
    assert ExcerptRecipe.from_json(value).columns == 100
    with pytest.raises(BadRequest):
        ExcerptRecipe.from_json({**value, **change})
    with pytest.raises(BadRequest):
        ExcerptRecipe.from_json("nonsense")


async def test_a_kept_file_is_made_again_by_the_command(
    tmp_path: Path,
    seeds: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tiny_embedded_model(tmp_path / "model")
    images = Images(seeds)
    loop = LoopThread()
    async with Engine(lambda: Pipeline(load_model(folder), images)) as engine:
        state = JamSnapshot.begin(
            PromptPath.begin(ChunkOptions(prompt="sax", seed=5), seed_image="beat")
        )
        session = JamSession(JamHost(engine, images, loop), state, JamConfig())
        await session.start()
        await read(session, 60)
        await session.vote_for_prompt("bells", ANN)
        await read(session, 150)
        kept = await session.take_excerpt(3.0)
        await session.stop()
    loop.stop()
    files = render_excerpt(kept)
    (tmp_path / "kept.mp3").write_bytes(files.mp3)
    (tmp_path / "kept.png").write_bytes(files.png)
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(seeds))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "data"))

    def again(*words: str) -> int:
        # The command has an event loop of its own.
        import threading

        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(main(["jam", *words])))
        thread.start()
        thread.join()
        return codes[0]

    for name in ("kept.mp3", "kept.png"):
        out = tmp_path / f"{name}.wav"
        words = ["--from", str(tmp_path / name), "--out", str(out), "--model", str(folder)]
        assert again(*words) == 0
        sound, rate = soundfile.read(out)
        assert (len(sound), rate) == (len(kept.samples), 48000)
    assert again("sax", "--from", str(tmp_path / "kept.mp3"), "--out", "x.wav") == 2
    (tmp_path / "plain.json").write_text('{"prompt": "x"}')
    assert again("--from", str(tmp_path / "plain.json"), "--out", str(tmp_path / "x.wav")) == 2
    assert "was not kept from a jam" in capsys.readouterr().err
