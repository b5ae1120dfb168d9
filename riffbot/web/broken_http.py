"""Broken HTTP is its sender's fault: aiohttp answers it with 400, and the log needs no traceback.

aiohttp logs requests that it cannot parse, bodies that end in the middle of a chunk and the like as
errors with a traceback each. Here they are left out of the log, unless it is set to DEBUG.
"""

from __future__ import annotations

import logging

from aiohttp import http_exceptions, web

SERVER = logging.getLogger("aiohttp.server")

BROKEN = (http_exceptions.HttpProcessingError, web.RequestPayloadError)


class _SendersFault(logging.Filter):
    """Lets records of broken requests through as DEBUG only."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, BROKEN):
            return True
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


_FILTER = _SendersFault()


def keep_out_of_the_log() -> None:
    """Leave broken requests out of the log; calling it again changes nothing."""
    SERVER.addFilter(_FILTER)
