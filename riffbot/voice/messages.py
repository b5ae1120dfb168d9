"""Sentences for members about a voice connection, and the voice close codes behind them."""

from __future__ import annotations

DAVE_REQUIRED = 4017
RATE_LIMITED = 4021

_REASONS = {
    4004: "Discord did not accept the voice session",
    4006: "Discord ended the voice session",
    4009: "the voice session timed out",
    4011: "Discord's voice server was not to be found",
    4014: "Discord disconnected me from the channel",
    4015: "Discord's voice server crashed",
    4016: "Discord did not accept the encryption",
    RATE_LIMITED: "Discord asked me to connect less often",
    4022: "the call was ended",
}

INSTALL_FAULT = (
    "Discord encrypts voice end to end and sent me away because I cannot (close code 4017): this "
    "RiffBot's `davey` library is missing or too old. Whoever runs me can mend that with `make "
    "setup` and see with `riffbot doctor` that it is done. The jam is kept: `/jam resume` goes on."
)

REMOVED = "Somebody took me out of the voice channel, so I stopped there. `/jam resume` goes on."

BROKEN = (
    "Something broke on my side; my log has the details. The jam is kept: `/jam resume` goes on "
    "from the same place."
)

STALLED = "Discord's voice server stopped answering"
UNREACHABLE = "Discord's voice server did not answer"
LINE_BROKE = "the line to Discord's voice server broke"


def close_reason(code: int | None) -> str:
    """Return why a connection ended, as a clause for the middle of a sentence."""
    if code is None:
        return LINE_BROKE
    known = _REASONS.get(code)
    return f"{known} ({code})" if known else f"{LINE_BROKE} (close code {code})"


def reconnecting(why: str, attempt: int, attempts: int) -> str:
    """Return the sentence shown while an attempt to reconnect is under way."""
    return f"{_capitalised(why)}. I hold the beat and come back: attempt {attempt} of {attempts}."


def given_up(why: str, attempts: int) -> str:
    """Return the sentence shown when all attempts have failed; the jam can be resumed."""
    tries = "one attempt" if attempts == 1 else f"{attempts} attempts"
    return (
        f"{_capitalised(why)}, and {tries} to come back failed. The jam is kept: "
        "`/jam resume` goes on from the same place."
    )


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
