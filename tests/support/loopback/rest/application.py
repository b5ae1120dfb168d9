"""What a bot asks at start-up: who am I, where is the gateway; and its commands."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from tests.support.loopback import commands
from tests.support.loopback.errors import ApiError, Json, LoopbackFailure
from tests.support.loopback.rest.router import Route
from tests.support.loopback.state import GLOBAL, State
from tests.support.loopback.uploads import read_body


class ApplicationRoutes:
    """Routes about the bot itself."""

    def __init__(self, state: State, gateway_url: Callable[[], str], shards: int) -> None:
        self._state, self._gateway_url, self._shards = state, gateway_url, shards
        self.identifies_left = 1000

    def routes(self) -> list[Route]:
        """The table."""
        scoped = "/applications/{application_id}/guilds/{guild_id}/commands"
        return [
            Route("get_me", "GET", "/users/@me", self.me),
            Route("get_application", "GET", "/oauth2/applications/@me", self.application),
            Route("get_gateway", "GET", "/gateway/bot", self.gateway),
            Route("get_user", "GET", r"/users/{user_id:\d+}", self.user),
            Route("get_commands", "GET", "/applications/{application_id}/commands", self.listing),
            Route("sync", "PUT", "/applications/{application_id}/commands", self.overwrite),
            Route("sync_guild", "PUT", scoped, self.overwrite),
        ]

    async def me(self, request: web.Request) -> Json:
        """GET the bot's own user."""
        return self._state.bot.payload()

    async def user(self, request: web.Request) -> Json:
        """GET anybody."""
        user = self._state.users.get(int(request.match_info["user_id"]))
        if user is None:
            raise ApiError(404, 10013, "Unknown User")
        return user.payload()

    async def application(self, request: web.Request) -> Json:
        """GET the application."""
        bot = self._state.bot
        return {
            "id": str(self._state.application_id),
            "name": bot.name,
            "description": "",
            "icon": None,
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": self._state.owner.payload(),
            "verify_key": "0" * 64,
            "flags": 0,
            "approximate_guild_count": len(self._state.guilds),
        }

    async def gateway(self, request: web.Request) -> Json:
        """GET where to connect, with how many shards."""
        return {
            "url": self._gateway_url(),
            "shards": self._shards,
            "session_start_limit": {
                "total": 1000,
                "remaining": self.identifies_left,
                "reset_after": 86_400_000,
                "max_concurrency": 1,
            },
        }

    async def listing(self, request: web.Request) -> list[Json]:
        """GET the commands for all servers."""
        return self._state.commands.get(GLOBAL, [])

    async def overwrite(self, request: web.Request) -> list[Json]:
        """PUT all commands of a scope."""
        if int(request.match_info["application_id"]) != self._state.application_id:
            raise LoopbackFailure("commands of another application")
        scope = int(request.match_info.get("guild_id", GLOBAL))
        sent: list[Json] = (await read_body(request)).data
        commands.check(sent)
        known = {_key(old): old["id"] for old in self._state.commands.get(scope, [])}
        application_id = str(self._state.application_id)
        stored = [
            {
                "type": commands.CHAT,
                "description": "",
                **command,
                "id": known.get(_key(command)) or str(self._state.ids.mint()),
                "application_id": application_id,
                "version": str(self._state.ids.mint()),
                "default_member_permissions": command.get("default_member_permissions"),
                **({"guild_id": str(scope)} if scope else {}),
            }
            for command in sent
        ]
        self._state.commands[scope] = stored
        self._state.syncs += 1
        self._state.pulse.beat()
        return stored


def _key(command: Json) -> tuple[int, str]:
    return command.get("type", commands.CHAT), command["name"]
