"""Starts a session: a new jam, a resumed one, or one that replaces another."""

from __future__ import annotations

import asyncio

from riffbot.errors import RiffBotError
from riffbot.images import Images
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.registry import JamRegistry
from riffbot.jam.saver import JamSaver
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.tempo_lock import choose_seed_image, read_loop_grid
from riffbot.jam.types import Participant

STOPPING = "RiffBot is stopping: please try again in a moment."


def build_path(images: Images, options: ChunkOptions) -> PromptPath:
    """Build the path that a new jam begins with. May read a file.

    Without a seed image, the one is chosen whose tempo is nearest to `options.bpm` or to the one
    that the prompt names, else a plain beat.

    Raises:
        BadRequest: the tempo is out of range.
        NotFound: there is no such seed image.
        HarmonyError: the chords are numerals, and there is no key.
    """
    seed_image = options.seed_image
    if seed_image is None:
        seed_image = choose_seed_image(images, options.bpm, options.prompt or "")
    read_loop_grid(images, seed_image)
    return PromptPath.begin(options, seed_image=seed_image, held=images.harmony(seed_image))


class SessionOpener:
    """Starts sessions, and keeps the registry consistent when a start fails or is cancelled.

    Args:
        host: what all jams share.
        registry: of the sessions.
        saver: stores them; has the state of whether RiffBot is stopping.
    """

    def __init__(self, host: JamHost, registry: JamRegistry, saver: JamSaver) -> None:
        self._host = host
        self._registry = registry
        self._saver = saver

    async def open(
        self,
        snapshot: JamSnapshot,
        config: JamConfig,
        starter: Participant | None,
        replaced: JamSession | None,
    ) -> JamSession:
        """Start a session and store it; returns when it can be heard.

        Args:
            snapshot, config: see `JamSession`.
            starter: who started the jam; None for a former member.
            replaced: the jam that ends when this one can be heard, and plays on where it cannot.

        Raises:
            BadRequest: another jam has the key.
            RiffBotError: RiffBot is stopping, or as for `JamSession.start`.
        """
        if self._is_closing():
            raise RiffBotError(STOPPING)
        self._registry.check_free(config.key, replaced)
        session = JamSession(
            self._host,
            snapshot,
            config,
            on_change=self._saver.schedule,
            load_of_others=lambda: self._registry.get_load(without=(session, replaced)),
        )
        self._registry.begin_start(session, starter, replaced)
        try:
            await session.start()
            if replaced is not None:
                await self._replace(replaced, session)
        except BaseException:
            self._registry.remove(session)
            task = asyncio.current_task()
            cancelled = task is not None and task.cancelling() > 0
            if self._is_closing() and not cancelled:
                raise RiffBotError(STOPPING) from None  # the manager's `close` has stopped it
            await session.stop()
            raise
        finally:
            self._registry.end_start(session, replaced)
        await self._saver.save(session)
        return session

    async def _replace(self, old: JamSession, new: JamSession) -> None:
        """End a jam that another replaces, which can be heard by now.

        The end is stored before the new one is: the newest row is what a restart resumes.
        """
        self._registry.replace(old, new)
        await old.stop()
        await self._saver.wait_saved(old)

    def _is_closing(self) -> bool:
        """Whether RiffBot is stopping by now."""
        return self._saver.is_closing
