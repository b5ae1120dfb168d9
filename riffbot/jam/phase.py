"""The lifecycle of a jam: a state machine whose illegal moves raise."""

from __future__ import annotations

from enum import StrEnum

from riffbot.library.jam_record import StoredJamStatus


class JamPhase(StrEnum):
    """What a jam does just now. The values are part of the page's protocol.

    starting     the first chunk is being generated
    playing      chunks follow each other
    catching up  a chunk is late and the last bar loops
    paused       silence; nothing is generated, the position is kept
    ended        for good; a stored snapshot may be resumed as a new session
    """

    STARTING = "starting"
    PLAYING = "playing"
    CATCHING_UP = "catching up"
    PAUSED = "paused"
    ENDED = "ended"


NEXT_PHASES: dict[JamPhase, frozenset[JamPhase]] = {
    JamPhase.STARTING: frozenset({JamPhase.PLAYING, JamPhase.ENDED}),
    JamPhase.PLAYING: frozenset({JamPhase.CATCHING_UP, JamPhase.PAUSED, JamPhase.ENDED}),
    JamPhase.CATCHING_UP: frozenset({JamPhase.PLAYING, JamPhase.PAUSED, JamPhase.ENDED}),
    JamPhase.PAUSED: frozenset({JamPhase.PLAYING, JamPhase.ENDED}),
    JamPhase.ENDED: frozenset(),
}
"""The legal moves."""


class IllegalTransition(RuntimeError):
    """A jam was to move to a phase that its present one does not lead to: a bug."""


class JamLifecycle:
    """The phase of a jam, and why it is paused or ended.

    Written on the jams' loop only; may be read from any thread.

    Attributes:
        is_idle_pause: the jam paused by itself because nobody listened, so a listener ends it.
        is_parked: it ended so that it can be resumed.
        error: the message for the panel where nobody asked for the end.
    """

    def __init__(self) -> None:
        self._phase = JamPhase.STARTING
        self.is_idle_pause = False
        self.is_parked = False
        self.error: str | None = None

    @property
    def phase(self) -> JamPhase:
        """The present phase."""
        return self._phase

    @property
    def is_playing(self) -> bool:
        """Whether chunks are to be generated and heard."""
        return self._phase in (JamPhase.PLAYING, JamPhase.CATCHING_UP)

    @property
    def is_paused(self) -> bool:
        """Whether it is paused."""
        return self._phase is JamPhase.PAUSED

    @property
    def is_ended(self) -> bool:
        """Whether it is over."""
        return self._phase is JamPhase.ENDED

    @property
    def stored_status(self) -> StoredJamStatus:
        """What the library is to store.

        A jam that an error ended or that was parked is stored as paused: it can be resumed.
        """
        if self.is_ended:
            resumable = self.is_parked or bool(self.error)
            return StoredJamStatus.PAUSED if resumable else StoredJamStatus.ENDED
        return StoredJamStatus.PAUSED if self.is_paused else StoredJamStatus.RUNNING

    def transition(self, phase: JamPhase) -> None:
        """Move to another phase.

        Raises:
            IllegalTransition: the present phase does not lead there.
        """
        if phase not in NEXT_PHASES[self._phase]:
            raise IllegalTransition(f"a jam that is {self._phase} cannot become {phase}")
        self._phase = phase
        self.is_idle_pause = False

    def pause(self, *, idle: bool) -> None:
        """Move to `PAUSED`; `idle` says that the next listener may end the pause."""
        self.transition(JamPhase.PAUSED)
        self.is_idle_pause = idle

    def end(self, error: str | None = None) -> None:
        """Move to `ENDED`; `error` is a message for the panel where nobody asked for it."""
        self.transition(JamPhase.ENDED)
        self.error = error
