"""What happens when somebody uses a jam's panel; the slash commands end here, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.cards import Card
from cogs.common.clip_cards import clip_cards
from cogs.common.delivery import ReplyTarget, send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.formatting import MUTED, format_number
from cogs.common.markdown import escape_line
from cogs.common.visibility import author_of
from cogs.jam._buttons import JamButton, VoteMenu, ballot_key
from cogs.jam._permissions import require
from riffbot.errors import BadRequest, NotFound
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.request import MAX_PROMPT

if TYPE_CHECKING:
    from cogs.jam._buttons import Action
    from cogs.jam._controller import Stage
    from riffbot.bot import RiffBot

KEEP_S = 30.0


def pressed(name: str) -> Callable[[Action], Action]:
    """Register what the button of this name does."""

    def register(action: Action) -> Action:
        JamButton.actions[name] = action
        return action

    return register


def stage_here(interaction: discord.Interaction[RiffBot]) -> Stage:
    """The jam of this server. Raises NotFound."""
    assert interaction.guild_id is not None
    stage: Stage | None = interaction.client.stages.get(interaction.guild_id)
    if stage is None:
        raise NotFound("No jam plays here: start one with /jam start.")
    return stage


def _stage(interaction: discord.Interaction[RiffBot], jam_id: str) -> Stage:
    """The jam whose panel was clicked. Raises NotFound."""
    stage = _playing(interaction, jam_id)
    if stage is None:
        raise NotFound(
            "This jam has stopped: /jam resume takes it up again, /jam start begins a new one."
        )
    return stage


def _playing(interaction: discord.Interaction[RiffBot], jam_id: str) -> Stage | None:
    stages = interaction.client.stages.values()
    return next((stage for stage in stages if stage.session.id == jam_id), None)


def who(interaction: discord.Interaction[Any]) -> Participant:
    """Whoever asks."""
    return Participant(interaction.user.id, interaction.user.display_name)


# -- the panel ------------------------------------------------------------------------------------


@pressed("keep")
async def keep(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """The last 30 s become a riff."""
    await keep_last(interaction, _stage(interaction, jam_id), KEEP_S)


@pressed("seed")
async def new_seed(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """Another take of what plays."""

    async def turn(session: JamSession) -> str:
        await session.new_seed(who(interaction))
        return "A new seed: the new take comes in at one of the next beats."

    await _steered(interaction, _stage(interaction, jam_id), turn)


@pressed("wilder")
async def wilder(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """Further from the seed image."""

    async def turn(session: JamSession) -> str:
        value = await session.increase_denoising(who(interaction))
        return f"Wilder: denoising {format_number(value)}."

    await _steered(interaction, _stage(interaction, jam_id), turn)


@pressed("tamer")
async def tamer(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """Closer to the seed image."""

    async def turn(session: JamSession) -> str:
        return (
            f"Tamer: denoising {format_number(await session.decrease_denoising(who(interaction)))}."
        )

    await _steered(interaction, _stage(interaction, jam_id), turn)


@pressed("steer")
async def ask_where_to(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """Ask for a prompt."""
    stage = _stage(interaction, jam_id)
    await require(interaction, stage, "steer")
    await interaction.response.send_modal(SteerModal(jam_id))


@pressed("pause")
async def pause(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """Stand still, or go on; a jam that only the library keeps is taken up again."""
    stage = _playing(interaction, jam_id)
    if stage is None:
        jams: Any = interaction.client.get_cog("jam")
        await jams.resume_here(interaction)
        return
    if stage.session.status().phase == "paused":
        await end_pause(interaction, stage)
        return
    await require(interaction, stage, "stop")
    await stage.session.pause()
    await send_ephemeral(interaction, "Paused: the button **Go on** takes it up at the same beat.")
    await stage.look(at_once=True)


@pressed("stop")
async def stop(interaction: discord.Interaction[RiffBot], jam_id: str) -> None:
    """End it."""
    await stop_stage(interaction, _stage(interaction, jam_id))


async def vote(interaction: discord.Interaction[RiffBot], jam_id: str, key: str) -> None:
    """Count a vote."""

    async def turn(session: JamSession) -> str:
        prompts = [share.prompt for share in session.status().shares]
        chosen = next((prompt for prompt in prompts if ballot_key(prompt) == key), None)
        if chosen is None:
            raise NotFound("Nobody votes for that any more: /jam prompt brings it back.")
        await session.vote(chosen, who(interaction))
        return f"Your vote: {escape_line(chosen, 200)}."

    await _steered(interaction, _stage(interaction, jam_id), turn)


VoteMenu.action = staticmethod(vote)


class SteerModal(discord.ui.Modal):
    """Asks where the jam shall go."""

    def __init__(self, jam_id: str) -> None:
        super().__init__(title="Steer the jam", custom_id=f"jam:steered:{jam_id}")
        self._jam_id = jam_id
        self.prompt = discord.ui.TextInput[SteerModal](
            custom_id="prompt", style=discord.TextStyle.paragraph, max_length=MAX_PROMPT
        )
        self.add_item(
            discord.ui.Label(
                text="Prompt",
                description="What it should become. (piano:1.3) weighs a word more.",
                component=self.prompt,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """It goes on the ballot, with the asker's vote."""
        async with reporting_errors(interaction):
            await steer_stage(interaction, _stage(interaction, self._jam_id), self.prompt.value)


# -- what commands and buttons share ---------------------------------------------------------------


async def steer_stage(interaction: discord.Interaction[RiffBot], stage: Stage, prompt: str) -> None:
    """Put a prompt on the ballot with the asker's vote.

    Raises:
        BadRequest: the prompt is nonsense, or the asker may not.
    """

    async def turn(session: JamSession) -> str:
        await session.steer(prompt, who(interaction))
        return f"It moves towards {escape_line(prompt, 200)}."

    await _steered(interaction, stage, turn)


async def _steered(
    interaction: discord.Interaction[RiffBot],
    stage: Stage,
    turn: Callable[[JamSession], Awaitable[str]],
) -> None:
    """Let whoever may turn the jam somewhere; `turn` returns what they are told."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    await require(interaction, stage, "steer")
    await send_ephemeral(interaction, await turn(stage.session))
    await stage.look()


async def end_pause(interaction: discord.Interaction[RiffBot], stage: Stage) -> None:
    """Go on with a jam that is paused.

    Raises:
        BadRequest: the asker may not.
        Refused: other jams need the machine by now.
    """
    await require(interaction, stage, "stop")
    await stage.session.resume()
    await send_ephemeral(interaction, "On it goes.")
    await stage.look(at_once=True)


async def keep_last(
    interaction: discord.Interaction[RiffBot], stage: Stage, seconds: float
) -> None:
    """Post the last seconds as a riff of the library, for whoever is in the channel.

    Raises:
        BadRequest: the asker does not listen, nothing was heard yet, or somebody keeps it already.
    """
    if not stage.has(interaction.user):
        raise BadRequest(
            f"Join {stage.where} first: only those who listen can keep what they heard."
        )
    if stage.keeping:  # to encode it takes a second of the machine that also has to play
        raise BadRequest("Somebody is keeping it already: it comes in a moment.")
    stage.keeping = True
    try:
        await _keep(interaction, stage, seconds)
    finally:
        stage.keeping = False


async def _keep(interaction: discord.Interaction[RiffBot], stage: Stage, seconds: float) -> None:
    author = author_of(interaction)
    wait = discord.Embed(title=f"Keeping the last {seconds:.0f} s …", colour=MUTED)
    place = await ReplyTarget.respond(interaction, Card(embed=wait))
    services = interaction.client.services
    try:
        clip = await services.jams.save_excerpt(
            stage.session, seconds, author=author, origin=place.origin
        )
    except Exception:
        await place.delete()
        raise
    heading = f"The last {clip.duration_s:.0f} s of the jam, kept."
    cards = clip_cards(clip, place.filesize_limit, heading=heading)
    message_id = await place.finish(*cards)
    if message_id is not None:
        await services.library.jobs.set_message(
            clip.id, channel_id=place.channel_id, message_id=message_id
        )


async def stop_stage(interaction: discord.Interaction[RiffBot], stage: Stage) -> None:
    """End the jam.

    Raises:
        BadRequest: the asker may not.
    """
    await require(interaction, stage, "stop")
    await send_ephemeral(
        interaction, "That was the jam. `/jam resume` takes it up again where it ended."
    )
    interaction.client.stages.pop(interaction.guild_id or 0, None)
    await stage.stop()
