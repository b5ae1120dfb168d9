"""Keeps broken HTTP out of the log: aiohttp answers it with 400, and it is the sender's fault.

aiohttp logs requests that it cannot parse, bodies that end in the middle of a chunk and the like as
errors with a traceback each. The filter here makes DEBUG records of them.
"""

from __future__ import annotations

import logging

from aiohttp import http_exceptions, web

SERVER = logging.getLogger("aiohttp.server")

BROKEN = (http_exceptions.HttpProcessingError, web.RequestPayloadError)


class _BrokenRequestFilter(logging.Filter):
    """Lets records of broken requests through as DEBUG only."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, BROKEN):
            return True
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


_FILTER = _BrokenRequestFilter()


def silence_broken_requests() -> None:
    """Add the filter; calling it again changes nothing."""
    SERVER.addFilter(_FILTER)
