"""Posts, edits and throttles a jam's panel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from audio.arrays import Pixels
from audio.plot import encode_plot
from cogs.common.cards import Card, CardFile
from cogs.common.delivery import ReplyTarget
from cogs.common.markdown import sentence_to_markdown
from cogs.common.mentions import command_pattern
from cogs.jam._panel import PLOT_FILENAME, PanelContext, panel_card
from riffbot.clock import monotonic
from riffbot.jam.types import JamStatus

EDIT_INTERVAL_S = 4.0
"""The panel is edited at most so often …"""
PLOT_INTERVAL_S = 12.0
"""… with a new plot of the same prompt at most so often."""


@dataclass(eq=False)
class PanelPlot:
    """The plot of the chunk that is heard, drawn only when it is due."""

    file: CardFile | None = field(default=None, init=False)
    _pixels: Pixels | None = field(default=None, init=False)
    _prompt: str = field(default="", init=False)
    _drawn_at: float = field(default=0.0, init=False)

    async def update(self, status: JamStatus) -> bool:
        """Draw a new plot off the event loop, if it is due; returns whether it was."""
        pixels = status.spectrogram
        if pixels is None or pixels is self._pixels:
            return False
        is_new_prompt = self.file is None or status.current_prompt != self._prompt
        if not is_new_prompt and monotonic() - self._drawn_at < PLOT_INTERVAL_S:
            return False
        self._pixels, self._drawn_at, self._prompt = pixels, monotonic(), status.current_prompt
        png = await asyncio.to_thread(
            encode_plot, pixels, title=status.current_prompt, bpm=status.bpm, beats=status.beats
        )
        description = f"The spectrogram of what plays: {status.current_prompt}"
        self.file = CardFile(PLOT_FILENAME, png, description)
        return True


@dataclass(eq=False)
class PanelPresenter:
    """Shows a jam's panel as one message, and edits it when something worth reading changes.

    Attributes:
        target: the message of the panel and how to reach it.
    """

    target: ReplyTarget
    _plot: PanelPlot = field(default_factory=PanelPlot, init=False)
    _last_shown: object = field(default=None, init=False)
    _edited_at: float | None = field(default=None, init=False)

    async def show(self, status: JamStatus, context: PanelContext, *, at_once: bool) -> None:
        """Edit the panel if it would look different.

        Args:
            at_once: even where the last edit was less than `EDIT_INTERVAL_S` ago.
        """
        if not at_once and self._is_throttled():
            return
        is_new_plot = await self._plot.update(status)
        card = panel_card(status, context, plot=self._plot.file, is_new_plot=is_new_plot)
        shown = (card.embed.to_dict() if card.embed else None, status.phase)
        if not is_new_plot and shown == self._last_shown:
            return
        self._last_shown, self._edited_at = shown, monotonic()
        await self.target.edit(card)

    async def post(self, sentence: str) -> None:
        """Post a sentence of its own: nobody sees an edit of a panel that has scrolled away."""
        await self.target.post(Card(content=sentence_to_markdown(sentence, command_pattern())))

    def move(self, target: ReplyTarget) -> ReplyTarget:
        """Use another message from now on, with a fresh plot; returns the old one."""
        old, self.target = self.target, target
        self._last_shown, self._plot = None, PanelPlot()
        return old

    def _is_throttled(self) -> bool:
        return self._edited_at is not None and monotonic() - self._edited_at < EDIT_INTERVAL_S
