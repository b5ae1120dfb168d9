"""RiffBot as a Discord Activity: the page inside Discord, beside a voice channel. Off by default.

| | |
| --- | --- |
| `GET /api/activity` | the application's id, which the embedded app SDK requires |
| `POST /api/activity/token` | `{"code", "instance_id"}` → `{"access_token", "jam"}` |

Discord serves an Activity from `https://<application>.discordsays.com`, as a proxy of this server.
It opens the page with a `frame_id`; the addresses of the page's requests then begin with `/.proxy`.
The page's authorisation code is exchanged for an access token here, since that requires the
application's secret. Discord, not the page, decides which server's jam a member may hear: the
member must take part in the Activity's instance, which must run in the jam's voice channel.
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
from riffbot.web import bodies, schema
from riffbot.web.keys import CREATE_LIMIT, SERVICES
from riffbot.web.request_reader import read_body
from riffbot.web.strict_json import parse_json

log = logging.getLogger(__name__)

API = "https://discord.com/api/v10"
DISCORD_TIMEOUT_S = 10.0

MAX_LOGGED = 300
"""The most characters of Discord's refusal that are logged."""

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
        token: the bot's token, with which the participants are requested.
        api: Discord's address.
    """

    client_id: str
    secret: str
    token: str
    api: str = API

    @classmethod
    def from_settings(cls, settings: Settings) -> Activity | None:
        """Build the Activity of the settings; None if it is off."""
        secret, token = settings.activity_client_secret, settings.discord_token
        if settings.activity_client_id is None or secret is None or token is None:
            return None
        return cls(settings.activity_client_id, secret.get_secret_value(), token.get_secret_value())

    @property
    def origin(self) -> str:
        """The page's origin inside Discord."""
        return f"https://{self.client_id}.discordsays.com"

    async def sign_in(self, code: str, instance_id: str) -> tuple[str, int | None, int | None]:
        """Exchange a code for an access token, and find the channel that its member takes part in.

        Returns:
            The token, and the ids of the server and of the channel that the Activity runs in, if it
            runs in a server.

        Raises:
            BadRequest: the code is invalid, or its member does not take part in that instance.
            RiffBotError: Discord cannot be reached, or its response is invalid.
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
"""The application's Activity, or an empty list."""


def get_activity(app: web.Application) -> Activity | None:
    """Return the application's Activity; None if it is off."""
    found = app[ACTIVITY]
    return found[0] if found else None


@routes.get("/api/activity")
async def info(request: web.Request) -> web.Response:
    """Return the application's id, with which the embedded app SDK is initialised."""
    return web.json_response(schema.ActivityInfo(client_id=_require_activity(request).client_id))


@routes.post("/api/activity/token")
async def sign_in(request: web.Request) -> web.Response:
    """Sign in a member who opened the Activity."""
    activity = _require_activity(request)
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_body(
        request,
        bodies.ActivitySignIn,
        error_message='Send {"code", "instance_id"} as Discord gave them.',
    )
    access_token, guild_id, channel_id = await activity.sign_in(body.code, body.instance_id)
    jams = request.app[SERVICES].jams
    session = jams.get(GuildJam(guild_id)) if guild_id is not None else None
    jam = None
    # Participants see the Activity's channel, but perhaps not the one that the jam is in.
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
            # The response only: the request contains the secret.
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
        except BadRequest as error:  # caused by Discord, not by the member
            raise ValueError(str(error)) from error


def _parse_snowflake(value: Any) -> int | None:
    """Parse one of Discord's ids, which are sent as text. Raises ValueError."""
    if value is None or value == "":
        return None
    if re.fullmatch("[0-9]{1,20}", str(value)) is None:
        raise ValueError("no snowflake")
    return int(value)
