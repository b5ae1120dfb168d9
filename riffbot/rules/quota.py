"""How many riffs a member and a server may make, in rolling windows.

A window is the last 60 minutes or the last 24 hours, not the hour of a clock: nobody can make twice
the number around the turn of an hour, and what is asked for at 17:59 does not wait for 18:00 with
everybody else. What a rolling window costs, that nobody knows by heart when it goes on, the refusal
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from riffbot.errors import Disallowed
from riffbot.rules.policy import ServerRules
from riffbot.wording import plural

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """At most `count` riffs in a window, of one member or of a whole server."""

    count: int
    window: timedelta
    is_of_member: bool

    @property
    def sentence(self) -> str:
        """What the limit is, for whoever meets it."""
        window = "hour" if self.window == HOUR else "day"
        riffs = plural(self.count, "riff")
        if self.is_of_member:
            return f"On this server everyone may make {riffs} in any {window}."
        return f"This server may make {riffs} in any {window}, all members together."


def limits_of(rules: ServerRules) -> tuple[Limit, ...]:
    """Return the limits that a server has set, the shortest windows first."""
    return tuple(
        Limit(count, window, is_of_member)
        for count, window, is_of_member in (
            (rules.member_hour, HOUR, True),
            (rules.server_hour, HOUR, False),
            (rules.member_day, DAY, True),
            (rules.server_day, DAY, False),
        )
        if count is not None
    )


def check_limit(limit: Limit, made_at: Sequence[datetime], count: int, now: datetime) -> None:
    """Check that some more riffs fit under a limit.

    Args:
        made_at: when riffs that count were asked for, in any order; older ones than the window
            are left out here.
        count: how many more are asked for.
        now: the time.

    Raises:
        Disallowed: they do not fit; it has the time at which they will.
    """
    if count > limit.count:
        raise Disallowed(f"{limit.sentence} Please ask for fewer at once.")
    counted = sorted(at for at in made_at if at > now - limit.window)
    excess = len(counted) + count - limit.count
    if excess > 0:
        raise Disallowed(limit.sentence, again_at=counted[excess - 1] + limit.window)
