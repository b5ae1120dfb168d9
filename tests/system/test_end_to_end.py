"""The whole way with what ships: a slash command, the embedded model, an MP3 that decodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.files import read
from audio.image import decode_image
from riffbot.settings import Settings
from tests.support.simulated_discord import open_room


@pytest.fixture
def shipped(tmp_path: Path) -> Settings:
    """Nothing set but where to keep things: model and seed images are the repository's own."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path / "data",
        device="cpu",
        open_browser=False,
    )


@pytest.mark.timeout(600)
async def test_a_slash_command_plays_the_embedded_model(shipped: Settings) -> None:
    async with open_room(shipped) as room:
        message = (await room.riff("funky (saxophone:1.3) riff", seed=42, steps=4)).response
        files = {file.filename: file for file in message.attachments}
        sound = read(await files["riff.mp3"].read())
        picture = decode_image(await files["riff.png"].read())
        rows, columns = picture.pixels.shape
        assert (rows, columns % 16) == (512, 0)
        assert len(sound.samples) == columns * sound.sample_rate // 100
        assert np.abs(sound.samples).max() > 0.05
        # A trained model draws silence and sound; noise or a blank would not spread so.
        assert picture.pixels.std() > 15

        other = (await room.riff("funky (saxophone:1.3) riff", seed=43, steps=4)).response
        again = {file.filename: file for file in other.attachments}
        unlike = decode_image(await again["riff.png"].read()).pixels
        both = min(columns, unlike.shape[1])  # another seed may bring another tempo
        assert np.mean(unlike[:, :both] != picture.pixels[:, :both]) > 0.5
