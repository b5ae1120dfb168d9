"""The id of the request that is being served, from a click or an HTTP request to the model.

A context variable: tasks inherit it from whoever starts them, and each request has its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")


def get_request_id() -> str:
    """Return the id of the request that is being served; empty outside of one."""
    return _current.get()


def begin_request() -> str:
    """Give the current task, and those that it starts, a new id; returns it."""
    request_id = secrets.token_hex(4)
    _current.set(request_id)
    return request_id


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Serve a request within the block, in another thread or task than it came to."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
