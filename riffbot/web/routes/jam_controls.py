"""Changes a jam: votes, excerpts, seed, denoising, pause.

| | |
| --- | --- |
| `POST /api/jams/<id>/prompt` | `{"prompt": …}`: a vote, where anyone may steer |
| `POST /api/jams/<id>/keep` | `{"seconds": 30}` → the riff of the last seconds |
| `POST /api/jams/<id>/<change>` | `seed`, `denoising`, `harmony`, `pause`, `resume`: private only |
"""

from __future__ import annotations

from aiohttp import web

from riffbot.errors import BadRequest
from riffbot.jam.session import JamSession
from riffbot.rules.decisions import check_words
from riffbot.web import bodies, schema
from riffbot.web.jam_requests import get_jam, get_private_jam, get_voter, jam_response
from riffbot.web.keys import CREATE_LIMIT, SERVICES
from riffbot.web.page_jobs import PAGE_AUTHOR
from riffbot.web.request_reader import read_body, read_object
from riffbot.web.serializers import is_private, serialize_riff

routes = web.RouteTableDef()


@routes.post("/api/jams/{id}/prompt")
async def vote(request: web.Request) -> web.Response:
    """Vote for a prompt."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    session = get_jam(request)
    body = await read_body(request, bodies.PromptVote)
    await _check_may_vote(request, session, body.prompt)
    await session.vote_for_prompt(body.prompt, get_voter(request))
    return jam_response(request, session, 202)


@routes.post("/api/jams/{id}/keep")
async def keep(request: web.Request) -> web.Response:
    """Store the last seconds as a riff of the library."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    session = get_jam(request)
    body = await read_body(request, bodies.KeepSeconds, error_message="Keep 1 to 60 seconds.")
    clip = await request.app[SERVICES].jams.save_excerpt(session, body.seconds, author=PAGE_AUTHOR)
    return web.json_response(schema.RiffKept(riff=serialize_riff(clip)), status=201)


@routes.post("/api/jams/{id}/{change:seed|denoising|harmony|pause|resume}")
async def change(request: web.Request) -> web.Response:
    """Change the seed, the denoising, key or chords of a private jam, pause or resume it."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    session, kind = get_private_jam(request), request.match_info["change"]
    if kind == "denoising":
        message = 'Send {"value": 0.75}, from 0 to 1.'
        body = await read_body(request, bodies.DenoisingChange, error_message=message)
        await session.set_denoising(body.value, get_voter(request))
        return jam_response(request, session, 202)
    if kind == "harmony":
        harmony = await read_body(request, bodies.HarmonyChange)
        await session.set_harmony(get_voter(request), key=harmony.key, chords=harmony.chords)
        return jam_response(request, session, 202)
    await read_object(request)  # checked, but empty
    if kind == "seed":
        await session.new_seed(get_voter(request))
    elif kind == "pause":
        await session.pause()
    else:
        await session.resume()
    return jam_response(request, session, 202)


async def _check_may_vote(request: web.Request, session: JamSession, prompt: str) -> None:
    """Check that anyone may steer the jam: visitors of the page are no known members.

    Of a server's rules its word list holds for them, too; a warning has nobody to read it here.

    Raises:
        Disallowed: the server refuses a word of the prompt.
        BadRequest: this server lets only some of its members steer.
    """
    if is_private(session):
        return
    assert session.guild_id is not None
    guilds = request.app[SERVICES].library.guilds
    check_words(await guilds.get_rules(session.guild_id), [prompt])
    settings = await guilds.get_settings(session.guild_id)
    if settings.jam_steer != "anyone":
        who = "its DJs steer" if settings.jam_steer == "dj" else "whoever started it steers"
        raise BadRequest(
            f"On this server only {who} the jam, with /jam prompt in Discord; here you can listen."
        )
