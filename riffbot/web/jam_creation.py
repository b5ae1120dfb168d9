"""Starts private jams. Each takes a slot (`PageJam`); where none is free, a jam that nobody listens
to is replaced.
"""

from __future__ import annotations

from aiohttp import web

from riffbot.errors import GenerationFailed, Refused
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.jam_record import JamKey, PageJam
from riffbot.web.access import is_stranger
from riffbot.web.keys import BROADCASTER, JAM_RESTORER, JAM_START_LIMITER, SERVICES


async def start_private_jam(
    request: web.Request, starter: Participant, options: ChunkOptions, replaces: JamSession | None
) -> JamSession:
    """Start a private jam in place of another, or where there is no room in place of one that
    nobody listens to. The other jam plays on until the new one can be heard.

    Args:
        request: of the visitor.
        starter: who starts it.
        options: what to hear.
        replaces: the jam that ends for it.

    Raises:
        Refused: RiffBot is draining, there is no room, or too many jams were started just now;
            nothing has changed.
    """
    app = request.app
    jams, restorer, limiter = app[SERVICES].jams, app[JAM_RESTORER], app[JAM_START_LIMITER]
    (await app[SERVICES].library.operator.get_status()).check()
    await restorer.get_waiting()
    # Nothing is awaited between the choice of a slot and `jams.start`, which takes it: two visitors
    # who start at once get two slots.
    slots = _get_slots(app)
    replaced = replaces
    slot: JamKey | None = _find_free_slot(app)
    if replaces is not None and replaces.key in slots:
        slot = replaces.key
    if slot is None:
        replaced = _find_idle_jam(app, starter)
        slot = replaced.key
    stranger = is_stranger(request)
    queue_was_busy = stranger and limiter.admit(request.remote or "")
    try:
        session = await jams.start(
            slot, options, starter=starter, paced_by="clock", instead_of=replaced
        )
    except GenerationFailed:
        if stranger:  # how long the engine worked on it is not known
            usual_s = app[SERVICES].engine.stats().seconds_per_clip
            limiter.charge(usual_s or 0.0, queue_was_busy=queue_was_busy)
        raise
    if stranger:
        limiter.charge(session.reader.start_engine_s, queue_was_busy=queue_was_busy)
    limiter.mark_started(session.id)
    if replaces is not None and replaces is not replaced:
        await replaces.stop()
    restorer.mark_taken(slot)
    return session


def _get_slots(app: web.Application) -> list[PageJam]:
    """The slots of private jams."""
    return [PageJam(slot) for slot in range(1, 1 + app[SERVICES].settings.page_jams)]


def _find_free_slot(app: web.Application) -> PageJam | None:
    jams, restorer = app[SERVICES].jams, app[JAM_RESTORER]
    free = [
        slot
        for slot in _get_slots(app)
        if jams.get(slot) is None and slot not in restorer.restoring
    ]
    # The slot of a jam that can be restored is taken last.
    return min(free, key=lambda slot: (restorer.has_waiting(slot), slot.slot), default=None)


def _find_idle_jam(app: web.Application, starter: Participant) -> JamSession:
    """A private jam that nobody listens to, and that was heard already or is this visitor's own.
    Raises Refused."""
    slots, jams = _get_slots(app), app[SERVICES].jams
    if not slots:
        raise Refused("No jams can be started on this page; its owner sets RIFFBOT_PAGE_JAMS.")
    for slot in slots:
        session = jams.get(slot)
        # Nobody can listen to one that is starting, and no jam is replaced twice.
        if (
            session is None
            or session.status().phase == "starting"
            or jams.is_being_replaced(session)
        ):
            continue
        owner = jams.get_starter(session)
        is_own = owner is not None and owner.user_id == starter.user_id
        if app[JAM_START_LIMITER].awaits_listener(session.id) and not is_own:
            continue
        if session.ring.stats().listeners or app[BROADCASTER].listeners(session):
            continue
        return session
    raise Refused(
        f"{len(slots)} jams play here already, which is as many as this page may start: "
        "please listen to one of them, or come back later."
    )
