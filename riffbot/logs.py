"""The log: text or JSON, with ids of requests and without secrets; limited in rate and size.

A port scan, a full disk or a broken network repeats the same record many times a second. The first
few records of a kind are written; the others become one line a minute, and a process writes at most
so many records a minute altogether.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from riffbot.request_id import get_request_id

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

HIDDEN = "(hidden)"
"""What is written in place of a secret."""

WINDOW_S = 60.0
"""Seconds over which records are counted."""

ALIKE = 10
"""Records of one kind that are written within a window."""

ALTOGETHER = 600
"""Records of all kinds that are written within a window."""

FILE_BYTES = 5 * 1024 * 1024
FILES = 3
"""A log file is begun anew when it is so large, and so many old ones are kept."""

KINDS = 1000
"""Kinds that are counted apart; further ones are counted as one kind."""

Kind = tuple[str, int, str, str]

OTHERS: Kind = ("riffbot.logs", logging.WARNING, "others", "")


@dataclass
class _Window:
    """Records since `began`.

    Attributes:
        count: records of one kind, those that were written included.
        latest: the newest of those that were only counted.
    """

    began: float
    count: int = 0
    latest: str = ""


class RateLimitedHandler(logging.Handler):
    """A handler that passes records on to another one, only a few of each kind.

    Records are of one kind when they share logger, level, template (the message before its
    arguments are filled in) and the class of the error.

    Args:
        inner: writes the records that are passed on, with its own formatter.
        clock: seconds that only grow.
    """

    def __init__(
        self, inner: logging.Handler, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._inner = inner
        self._clock = clock
        self._kinds: dict[Kind, _Window] = {}  # the oldest window first
        self._written = _Window(float("-inf"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it. `handle` holds the lock."""
        now = self._clock()
        self._report(now - WINDOW_S, now)
        kind = _kind(record)
        if kind not in self._kinds and len(self._kinds) >= KINDS:
            kind = OTHERS
        window = self._kinds.setdefault(kind, _Window(now))
        window.count += 1
        if now - self._written.began >= WINDOW_S:
            self._written = _Window(now)
        if window.count <= ALIKE and self._written.count < ALTOGETHER:
            self._written.count += 1
            self._inner.handle(record)
        else:
            window.latest = _shorten(record)

    def _report(self, until: float, now: float) -> None:
        """Write one line for each window that began before `until` and has unwritten records."""
        while self._kinds:
            kind, window = next(iter(self._kinds.items()))
            if window.began > until:
                return
            del self._kinds[kind]
            if window.latest:
                words = f"{window.count} times in {now - window.began:.0f} s, last: {window.latest}"
                record = logging.LogRecord(kind[0], kind[1], "", 0, "%s", (words,), None)
                self._inner.handle(record)

    def flush(self) -> None:
        """Flush the other handler."""
        self._inner.flush()

    def close(self) -> None:
        """Write the last counts, and close the other handler."""
        now = self._clock()
        self._report(now, now)
        self._inner.close()
        super().close()


def _kind(record: logging.LogRecord) -> Kind:
    error = record.exc_info[0] if record.exc_info else None
    return record.name, record.levelno, str(record.msg)[:200], error.__name__ if error else ""


def _shorten(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # a template that its arguments do not fit
        text = str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    line = " ".join((text if error is None else f"{text} ({type(error).__name__})").split())
    return line[:300]


class TextFormatter(logging.Formatter):
    """One line a record, with the id of the request that it belongs to.

    Args:
        secrets: texts that are never written, whoever logs them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(FORMAT)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; a traceback follows on lines of its own."""
        return _hide(super().format(record), self._secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Format the first line."""
        request_id = get_request_id()
        line = super().formatMessage(record)
        return f"{line} [{request_id}]" if request_id else line


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (UTC), level, logger, message, request, error, traceback."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line."""
        time_of = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, str] = {
            "time": time_of.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := get_request_id():
            fields["request"] = request_id
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
            fields["traceback"] = self.formatException(record.exc_info)
        hidden = {name: _hide(value, self._secrets) for name, value in fields.items()}
        return json.dumps(hidden, ensure_ascii=False)


def _hide(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def create_handlers(
    file: Path | None = None,
    *,
    limited: bool = True,
    as_json: bool = False,
    secrets: Iterable[str] = (),
) -> list[logging.Handler]:
    """Make the handlers of the log: standard error, and a rotated file if one is named.

    Args:
        file: the log file.
        limited: whether repetitions are only counted; off to find a bug.
        as_json: one JSON object a line instead of text.
        secrets: texts that are never written.

    Raises:
        OSError: the file cannot be written.
    """
    every: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        every.append(
            RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
        )
    for handler in every:
        handler.setFormatter(JsonFormatter(secrets) if as_json else TextFormatter(secrets))
    return [RateLimitedHandler(handler) for handler in every] if limited else every
