from __future__ import annotations

from audio.files import read
from audio.image import decode_image
from riffbot.settings import Settings
from tests.cogs.room import buttons, open_room


async def test_a_prompt_becomes_a_message_that_plays(settings: Settings) -> None:
    async with open_room(settings) as room:
        result = await room.riff("funky (sax:1.3) riff", seed=42)
    message = result.response
    assert not message.ephemeral
    embed = message.embeds[0]
    assert embed.title == "funky (sax:1.3) riff"
    assert "seed `42`" in embed.description
    files = {file.filename: file for file in message.attachments}
    assert set(files) == {"riff.mp3", "spectrogram.png", "riff.png"}
    assert embed.image.url.endswith("spectrogram.png")
    assert embed.thumbnail.url.endswith("riff.png")
    sound = read(await files["riff.mp3"].read())
    picture = decode_image(await files["riff.png"].read())
    assert len(sound.samples) == picture.pixels.shape[1] * sound.sample_rate // 100
    assert files["spectrogram.png"].description.startswith("Spectrogram of")
    assert list(buttons(message)) == ["New seed", "Remix…", "Again ×4", "Save", "Delete"]
