"""`riffbot` without a command: Discord with a token, else the local Discord; and the page."""
# ruff: noqa: PLC0415

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING

from riffbot.commands.options import StartOptions
from riffbot.errors import BadRequest, RiffBotError

if TYPE_CHECKING:
    from riffbot.settings import Settings


def start(options: StartOptions) -> int:
    """Run until stopped; prints a summary, then the addresses served, one a line.

    Raises:
        BadRequest: a setting or a port is wrong.
        RiffBotError: a port is taken, the model or the library cannot be opened.
    """
    from riffbot import startup

    settings = _load_settings(options)
    _set_up_log(settings)
    online = settings.discord_token is not None
    # Ports are checked before the seconds of loading a model.
    for option, port in (
        ("--port", 0 if online else settings.port),
        ("--web-port", settings.web_port),
    ):
        _check_port_free(settings.host, port, option)
    startup.set_log_levels(settings.log_level)
    print(startup.startup_banner(settings), flush=True)
    try:
        if online:
            from riffbot.bot import run
        else:
            from riffbot.local import run
        run(settings)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RiffBotError(f"A port is taken ({error.strerror}); choose another.") from error
        raise
    return 0


def _load_settings(options: StartOptions) -> Settings:
    """Load the settings with the ports that were typed. Raises BadRequest."""
    from riffbot.settings import load_settings

    ports = {"port": options.port, "web_port": options.web_port}
    for name, port in ports.items():
        if port is not None and not 0 <= port <= 65535:
            raise BadRequest(f"--{name.replace('_', '-')} must be 0 … 65535, not {port}.")
    settings = load_settings(**{name: port for name, port in ports.items() if port is not None})
    if 0 < settings.port == settings.web_port:
        raise BadRequest(f"--port and --web-port are both {settings.port}; the two need one each.")
    return settings


def _set_up_log(settings: Settings) -> None:
    """Log to the file of the settings, too. Raises BadRequest if it cannot be written."""
    from riffbot import logs

    try:
        handlers = logs.create_handlers(
            settings.log_file,
            limited=settings.log_level != "DEBUG",
            as_json=settings.log_format == "json",
            secrets=settings.secrets,
        )
    except OSError as error:
        raise BadRequest(
            f"The log file {settings.log_file} cannot be written ({error.strerror}); "
            "set RIFFBOT_LOG_FILE to another."
        ) from error
    # `force`: instead of the silence that suits a short command.
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)


def _check_port_free(host: str, port: int, option: str) -> None:
    """Raise RiffBotError unless the port can be bound. Port 0 is always free."""
    if port == 0:
        return
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # As asyncio's servers do; otherwise the port looks taken for a minute after a restart.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RiffBotError(
                f"Port {port} on {host} is taken; choose another with {option}."
            ) from error
        reason = (error.strerror or str(error)).lower()
        raise RiffBotError(f"Cannot listen on {host}, port {port}: {reason}.") from error
