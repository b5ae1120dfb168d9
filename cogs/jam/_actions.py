"""What members do to a jam, shared by the slash commands and the panel's buttons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.cards import Card
from cogs.common.clip_cards import clip_cards
from cogs.common.delivery import ReplyTarget, send_ephemeral
from cogs.common.formatting import MUTED
from cogs.common.markdown import escape_line
from cogs.common.rules import admit_jam, admit_jam_change, require_allowed
from cogs.common.visibility import author_of
from cogs.jam._permissions import require_permission
from riffbot.errors import BadRequest, NotFound
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant

if TYPE_CHECKING:
    from cogs.jam._controller import JamController
    from riffbot.bot import RiffBot

Change = Callable[[JamSession, Participant], Awaitable[str]]
"""Changes a jam for somebody and returns the sentence that they see."""


def participant_of(interaction: discord.Interaction[Any]) -> Participant:
    """The member behind an interaction, as a jam knows members."""
    return Participant(interaction.user.id, interaction.user.display_name)


def get_guild_controller(interaction: discord.Interaction[RiffBot]) -> JamController:
    """The jam of this server. Raises NotFound."""
    assert interaction.guild_id is not None
    controller = interaction.client.jam_controllers.get(interaction.guild_id)
    if controller is None:
        raise NotFound("No jam plays here: start one with /jam start.")
    return controller


def find_controller(interaction: discord.Interaction[RiffBot], jam_id: str) -> JamController | None:
    """The jam of this id; None when it does not play."""
    controllers = interaction.client.jam_controllers.values()
    return next((one for one in controllers if one.session.id == jam_id), None)


def get_controller(interaction: discord.Interaction[RiffBot], jam_id: str) -> JamController:
    """The jam of this id. Raises NotFound."""
    controller = find_controller(interaction, jam_id)
    if controller is None:
        raise NotFound(
            "This jam has stopped: /jam resume takes it up again, /jam start begins a new one."
        )
    return controller


async def change_jam(
    interaction: discord.Interaction[RiffBot],
    controller: JamController,
    change: Change,
    prompt: str = "",
) -> None:
    """Apply a change for a member who may steer, and show them its sentence.

    Args:
        prompt: what the change puts on the ballot, for the server's word list.

    Raises:
        BadRequest: the member may not, or the change is invalid.
        Disallowed: the member is blocked, or the prompt has an unwanted word.
        NotFound: raised by the change.
    """
    await interaction.response.defer(ephemeral=True, thinking=True)
    await require_permission(interaction, controller, "steer")
    warning = await admit_jam_change(interaction, prompt)
    sentence = await change(controller.session, participant_of(interaction))
    await send_ephemeral(interaction, " ".join(filter(None, (sentence, warning))))
    await controller.refresh()


async def steer_jam(
    interaction: discord.Interaction[RiffBot], controller: JamController, prompt: str
) -> None:
    """Put a prompt on the ballot with the member's vote.

    Raises:
        BadRequest: the prompt is invalid, or the member may not.
    """

    async def steer(session: JamSession, participant: Participant) -> str:
        await session.vote_for_prompt(prompt, participant)
        return f"It moves towards {escape_line(prompt, 200)}."

    await change_jam(interaction, controller, steer, prompt)


async def set_harmony(
    interaction: discord.Interaction[RiffBot],
    controller: JamController,
    key: str | None,
    chords: str | None,
) -> None:
    """Set the key and the chords that a jam keeps.

    Raises:
        BadRequest: one of them cannot be read, the model does not know them, or the member may not.
    """

    async def change(session: JamSession, participant: Participant) -> str:
        harmony = await session.set_harmony(participant, key=key, chords=chords)
        told = escape_line(harmony.describe(), 200) or "No key and no chords any more"
        return f"{told}: it comes in at one of the next beats."

    await change_jam(interaction, controller, change)


async def pause_jam(interaction: discord.Interaction[RiffBot], controller: JamController) -> None:
    """Pause a jam. Raises BadRequest where the member may not."""
    await require_permission(interaction, controller, "stop")
    await controller.session.pause()
    await send_ephemeral(interaction, "Paused: the button **Go on** takes it up at the same beat.")
    await controller.refresh(at_once=True)


async def end_pause(interaction: discord.Interaction[RiffBot], controller: JamController) -> None:
    """Resume a jam that is paused.

    Raises:
        BadRequest: the member may not.
        Refused: other jams need the machine by now.
    """
    await require_permission(interaction, controller, "stop")
    await admit_jam(interaction, None)
    await controller.session.resume()
    await send_ephemeral(interaction, "On it goes.")
    await controller.refresh(at_once=True)


async def stop_jam(interaction: discord.Interaction[RiffBot], controller: JamController) -> None:
    """End the jam. Raises BadRequest where the member may not."""
    await require_permission(interaction, controller, "stop")
    await send_ephemeral(
        interaction, "That was the jam. `/jam resume` takes it up again where it ended."
    )
    interaction.client.jam_controllers.pop(interaction.guild_id or 0, None)
    await controller.stop()


async def save_excerpt(
    interaction: discord.Interaction[RiffBot], controller: JamController, seconds: float
) -> None:
    """Save the last seconds as a riff of the library and post it.

    Raises:
        BadRequest: the member does not listen, nothing was heard yet, or somebody is saving.
    """
    if not controller.output.has(interaction.user):
        raise BadRequest(
            f"Join {controller.output.mention} first: only those who listen can keep what they "
            "heard."
        )
    await require_allowed(interaction)
    # One at a time: encoding takes a second of the machine that also has to play.
    if controller.is_saving_excerpt:
        raise BadRequest("Somebody is keeping it already: it comes in a moment.")
    controller.is_saving_excerpt = True
    try:
        await _save_excerpt(interaction, controller.session, seconds)
    finally:
        controller.is_saving_excerpt = False


async def _save_excerpt(
    interaction: discord.Interaction[RiffBot], session: JamSession, seconds: float
) -> None:
    author = author_of(interaction)
    progress = discord.Embed(title=f"Keeping the last {seconds:.0f} s …", colour=MUTED)
    target = await ReplyTarget.respond(interaction, Card(embed=progress))
    services = interaction.client.services
    try:
        clip = await services.jams.save_excerpt(
            session, seconds, author=author, origin=target.origin
        )
    except Exception:
        await target.delete()
        raise
    heading = f"The last {clip.duration_s:.0f} s of the jam, kept."
    message_id = await target.finish(*clip_cards(clip, target.filesize_limit, heading=heading))
    if message_id is not None:
        await services.library.jobs.set_message(
            clip.id, channel_id=target.channel_id, message_id=message_id
        )
