"""Which jams this process has: by key, by id, who started them, which replaces which."""

from __future__ import annotations

from riffbot.errors import BadRequest
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.jam_record import JamKey

ALREADY_PLAYING = "A jam plays here already: steer it with /jam prompt, or stop it first."
ALREADY_REPLACED = "That jam is being replaced already: please wait a moment."


class JamRegistry:
    """The sessions of this process, those included that are still starting.

    Changed by whichever loop starts or ends a jam; every method is one step, so none sees half of
    a change.
    """

    def __init__(self) -> None:
        self._sessions: dict[JamKey, JamSession] = {}
        self._starters: dict[str, Participant | None] = {}
        self._starting: set[JamSession] = set()
        self._being_replaced: set[str] = set()

    def get(self, key: JamKey) -> JamSession | None:
        """The jam of a key that is playing or paused."""
        session = self._sessions.get(key)
        return None if session is None or session.is_ended else session

    def get_by_id(self, jam_id: str) -> JamSession | None:
        """A jam by its id."""
        return next((session for session in self.all() if session.id == jam_id), None)

    def all(self) -> list[JamSession]:
        """All jams that are playing or paused."""
        return [session for session in list(self._sessions.values()) if not session.is_ended]

    @property
    def has_any(self) -> bool:
        """Whether a jam was started and is not forgotten yet."""
        return bool(self._sessions)

    def get_unregistered(self) -> set[JamSession]:
        """The jams that are starting and whose key another jam still has."""
        return self._starting - set(self.all())

    def get_load(self, *, without: tuple[JamSession | None, ...]) -> float:
        """The share of the machine's time that all other jams need."""
        return sum(other.reader.load for other in self.all() if other not in without)

    # -- starting, replacing, ending --------------------------------------------------------------

    def check_free(self, key: JamKey, replaced: JamSession | None) -> None:
        """Raise BadRequest where another jam has the key, or the replaced one is taken already."""
        if self.get(key) not in (None, replaced):
            raise BadRequest(ALREADY_PLAYING)
        if replaced is not None and replaced.id in self._being_replaced:
            raise BadRequest(ALREADY_REPLACED)

    def begin_start(
        self, session: JamSession, starter: Participant | None, replaced: JamSession | None
    ) -> None:
        """Register a jam that starts; a jam that it replaces has the key until it can be heard."""
        if self.get(session.key) is None:
            self._sessions[session.key] = session
        self._starters[session.id] = starter
        self._starting.add(session)
        if replaced is not None:
            self._being_replaced.add(replaced.id)

    def end_start(self, session: JamSession, replaced: JamSession | None) -> None:
        """The start succeeded or failed."""
        self._starting.discard(session)
        if replaced is not None:
            self._being_replaced.discard(replaced.id)

    def replace(self, old: JamSession, new: JamSession) -> None:
        """Give the key to a jam that replaces another. Raises BadRequest: a third has it."""
        if self.get(new.key) not in (None, old, new):
            raise BadRequest(ALREADY_PLAYING)
        self._sessions[new.key] = new

    def is_being_replaced(self, session: JamSession) -> bool:
        """Whether another jam is about to replace this one."""
        return session.id in self._being_replaced

    def remove(self, session: JamSession) -> None:
        """Forget a jam and its starter."""
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]
        self._starters.pop(session.id, None)

    # -- starters ---------------------------------------------------------------------------------

    def has_starter(self, session: JamSession) -> bool:
        """Whether a jam is registered: its starter is known until its end is stored."""
        return session.id in self._starters

    def get_starter(self, session: JamSession) -> Participant | None:
        """Who started a jam; None for a former member."""
        return self._starters.get(session.id)

    def forget_starter(self, user_id: int) -> None:
        """Remove a member's name."""
        for jam_id, starter in list(self._starters.items()):
            if starter is not None and starter.user_id == user_id:
                self._starters[jam_id] = None
