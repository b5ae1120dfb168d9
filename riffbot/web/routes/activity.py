"""RiffBot as a Discord Activity: the page inside Discord, beside a voice channel. Off by default.

| | |
| --- | --- |
| `GET /api/activity` | the application's id, which the embedded app SDK asks for |
| `POST /api/activity/token` | `{"code", "instance_id"}` → `{"access_token", "jam"}` |

Discord serves an Activity from `https://<application>.discordsays.com` and fetches it from here; it
opens the page with a `frame_id`, and what the page asks for then begins with `/.proxy`. The code
that Discord gives the page is exchanged here, where the application's secret is. Which server's jam
somebody may hear is Discord's word, not the page's: the Activity's instance must have them in it,
and run in the voice channel that the jam is in.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from riffbot.errors import BadRequest, NotFound, RiffBotError
from riffbot.library.jam_record import GuildJam
from riffbot.settings import Settings
from riffbot.web import schema
from riffbot.web.keys import CREATE_LIMIT, SERVICES
from riffbot.web.request_reader import read_body
from riffbot.web.strict_json import parse_json

log = logging.getLogger(__name__)

API = "https://discord.com/api/v10"
DISCORD_TIMEOUT_S = 10.0

MAX_LOGGED = 300
"""Characters of Discord's refusal that the log gets."""

BASE = "/.proxy/"
"""The base of all addresses inside Discord."""

FRAME_QUERY = "frame_id"
"""The query parameter that Discord opens an Activity with."""

FRAME_ANCESTORS = "https://discord.com https://*.discord.com https://*.discordsays.com"
"""Sites that may show the Activity in a frame (Content-Security-Policy)."""

routes = web.RouteTableDef()


@dataclass(frozen=True)
class Activity:
    """An Activity, and the credentials with which it signs members in at Discord.

    Attributes:
        client_id: the application's id.
        secret: the application's OAuth2 secret.
        token: the bot's, with which it asks who takes part.
        api: Discord's address.
    """

    client_id: str
    secret: str
    token: str
    api: str = API

    @classmethod
    def from_settings(cls, settings: Settings) -> Activity | None:
        """The Activity of the settings; None where it is off."""
        secret, token = settings.activity_client_secret, settings.discord_token
        if settings.activity_client_id is None or secret is None or token is None:
            return None
        return cls(settings.activity_client_id, secret.get_secret_value(), token.get_secret_value())

    @property
    def origin(self) -> str:
        """The page's own origin inside Discord."""
        return f"https://{self.client_id}.discordsays.com"

    async def sign_in(self, code: str, instance_id: str) -> tuple[str, int | None, int | None]:
        """Exchange a code for an access token, and find the channel that its member takes part in.

        Returns:
            The token, and the ids of the server and of the channel that the Activity runs in, if it
            runs in a server.

        Raises:
            BadRequest: Discord does not know the code, or its member is not in that instance.
            RiffBotError: Discord cannot be reached, or answers nonsense.
        """
        timeout = aiohttp.ClientTimeout(total=DISCORD_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                form = {
                    "client_id": self.client_id,
                    "client_secret": self.secret,
                    "grant_type": "authorization_code",
                    "code": code,
                }
                given = await _read_json(session.post(f"{self.api}/oauth2/token", data=form))
                token = str(given["access_token"])
                bearer = {"Authorization": f"Bearer {token}"}
                me = await _read_json(session.get(f"{self.api}/users/@me", headers=bearer))
                bot = {"Authorization": f"Bot {self.token}"}
                place = f"applications/{self.client_id}/activity-instances/{instance_id}"
                instance = await _read_json(session.get(f"{self.api}/{place}", headers=bot))
            if str(me["id"]) not in map(str, instance["users"]):
                raise BadRequest("You do not take part in this Activity: open it anew in Discord.")
            guild, channel = (instance["location"].get(f"{of}_id") for of in ("guild", "channel"))
            return token, _parse_snowflake(guild), _parse_snowflake(channel)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RiffBotError("Discord does not answer just now; please try again.") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RiffBotError("Discord answered something that I do not understand.") from error


ACTIVITY = web.AppKey("activity", list[Activity])
"""One, or none."""


def get_activity(app: web.Application) -> Activity | None:
    """The application's Activity; None where it is off."""
    found = app[ACTIVITY]
    return found[0] if found else None


@routes.get("/api/activity")
async def info(request: web.Request) -> web.Response:
    """The application's id, which the embedded app SDK needs first."""
    return web.json_response(schema.ActivityInfo(client_id=_require_activity(request).client_id))


@routes.post("/api/activity/token")
async def sign_in(request: web.Request) -> web.Response:
    """Sign in a member who opened the Activity."""
    activity = _require_activity(request)
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_body(
        request,
        schema.ActivitySignIn,
        error_message='Send {"code", "instance_id"} as Discord gave them.',
    )
    access_token, guild_id, channel_id = await activity.sign_in(body.code, body.instance_id)
    jams = request.app[SERVICES].jams
    session = jams.get(GuildJam(guild_id)) if guild_id is not None else None
    jam = None
    # Whoever takes part sees this channel, but perhaps not the one that the server's jam is in.
    if session is not None and channel_id is not None:
        jam = session.id if session.channels.voice_channel_id == channel_id else None
    return web.json_response(
        schema.ActivityToken(access_token=access_token, jam=jam),
        headers={"Cache-Control": "no-store"},
    )


def _require_activity(request: web.Request) -> Activity:
    activity = get_activity(request.app)
    if activity is None:
        raise NotFound(
            "This RiffBot is no Discord Activity; docs/ACTIVITY.md says how it becomes one."
        )
    return activity


async def _read_json(request: Any) -> Any:
    async with asyncio.timeout(DISCORD_TIMEOUT_S), request as response:
        if response.status in (400, 401, 403, 404):
            # What Discord answers, never what was sent: there the secret is.
            log.warning(
                "Discord refuses an Activity: %s answered %d %s",
                response.url.path,
                response.status,
                (await response.text())[:MAX_LOGGED],
            )
            raise BadRequest(
                "Discord does not let you in here: open the Activity anew; its owner can see in "
                "the log why."
            )
        response.raise_for_status()
        try:
            return parse_json(await response.read())
        except BadRequest as error:  # Discord's fault, not the asker's
            raise ValueError(str(error)) from error


def _parse_snowflake(value: Any) -> int | None:
    """One of Discord's ids, which come as text. Raises ValueError for what is none."""
    if value is None or value == "":
        return None
    if re.fullmatch("[0-9]{1,20}", str(value)) is None:
        raise ValueError("no snowflake")
    return int(value)
