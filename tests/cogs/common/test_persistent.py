"""Buttons as members see them and the items that handle their clicks, joined by custom ids."""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest

from cogs.common.buttons import CLIP_BUTTON_TEMPLATE, clip_view
from cogs.common.persistent import ActionButton, PlainButton, on
from cogs.riff._buttons import ClipButton


class Switch(ActionButton, template=r"switch:(?P<action>on|off):(?P<name>\w+)"):
    @on("on")
    async def turn_on(self, interaction: Any) -> None:
        interaction.append(f"on {self.match['name']}")

    @on("off")
    async def turn_off(self, interaction: Any) -> None:
        interaction.append(f"off {self.match['name']}")


@pytest.mark.parametrize("action", ["on", "off"])
async def test_a_click_calls_the_method_of_its_action(action: str) -> None:
    match = Switch.__discord_ui_compiled_template__.fullmatch(f"switch:{action}:lamp")
    assert match is not None
    clicks: Any = []
    await Switch.from_match(match).on_click(clicks)
    assert clicks == [f"{action} lamp"]


async def test_every_button_under_a_riff_is_handled() -> None:
    ids = [item.custom_id for item in clip_view("abc123").children]  # type: ignore[attr-defined]
    assert ids == [
        "riff:seed:abc123",
        "riff:remix:abc123",
        "riff:four:abc123",
        "riff:save:abc123",
        "riff:delete:abc123",
    ]
    matches = [re.fullmatch(CLIP_BUTTON_TEMPLATE, custom_id) for custom_id in ids]
    assert {match["action"] for match in matches if match} == set(ClipButton.actions)
    assert {ClipButton.from_match(match).riff_id for match in matches if match} == {"abc123"}


async def test_discord_py_keeps_no_reference_to_a_plain_button() -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(PlainButton(label="x", custom_id="x"))
    assert not view.is_dispatchable()
