"""Whatever a member's file does to the decoder, the bot answers in one sentence and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, BinaryIO

import pytest

from audio import decoder, decoder_process
from riffbot.settings import Settings
from tests.audio.test_damage import damaged, flac, music
from tests.cogs.edit.test_remix import beat_wav
from tests.support.containers import muxed
from tests.support.simulated_discord import open_room


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system stops no processes")
async def test_a_decoder_killed_in_the_middle_costs_a_sentence_and_the_next_upload_works(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        drums = ("drums.wav", beat_wav())
        await asyncio.to_thread(decoder.read, drums[1])  # it runs
        (pid,) = decoder.processes()

        def killing(*frame: Any) -> None:
            monkeypatch.setattr(decoder_process, "send", sending)
            os.kill(pid, signal.SIGKILL)
            sending(*frame)

        def waiting(out: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
            (killing if "do" not in header else sending)(out, header, body)

        sending = decoder_process.send
        monkeypatch.setattr(decoder_process, "send", waiting)  # killed at the first piece of it

        refused = await room.ben.slash(room.channel, "remix", prompt="harp", upload=drums)
        (followup,) = refused.followups
        assert followup.ephemeral
        assert followup.content.endswith("please save it again as WAV, FLAC or PNG.")
        assert "drums.wav" in followup.content
        assert "\n" not in followup.content
        assert await room.services.library.riffs.recent() == []

        result = await room.ben.slash(room.channel, "remix", prompt="harp", upload=drums, seed=1)
        assert "beats at" in result.response.content
        assert pid not in decoder.processes()
        assert (await room.riff("still playing", steps=2)).response is not None
    assert decoder.processes() == [], "it ends with the bot"


@pytest.mark.parametrize(
    ("muxer", "codec", "rate"),
    [("flv", "aac", 44100), ("mpeg", "mp2", 48000), ("vob", "ac3", 48000)],
)
async def test_remix_this_riff_reads_containers_that_crashed_it_under_any_name(
    settings: Settings, muxer: str, codec: str, rate: int
) -> None:
    async with open_room(settings) as room:
        data = muxed(muxer, codec, rate)
        message = await room.ben.send(room.channel, "hear", attachments=[("take.mp3", data)])
        shown = await room.mia.context_menu(room.channel, "Remix this riff", message)
        result = await room.mia.submit_modal(shown, {"prompt": "marimba", "denoising": "0.5"})
        assert "I found no beat, so I took 1.0" in result.response.content


async def test_what_was_lost_or_not_listened_to_is_said_to_the_member(settings: Settings) -> None:
    async with open_room(settings) as room:
        for data, words in (
            (damaged(flac(music(3.0)), 0.3), "of it are silent."),
            (flac(music(3.0))[:200_000], "That file ends early"),
            (flac(music(61.0)), "I listened to its first minute."),
        ):
            result = await room.ben.slash(
                room.channel, "remix", prompt="harp", upload=("tone.flac", data), seed=1
            )
            assert words in result.response.content
