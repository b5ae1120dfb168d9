"""One thin function a command; `riffbot.cli` parses, these do.

Each takes the parsed options and returns an exit code. Heavy libraries are imported inside the
functions that compute, so that `riffbot --help` and a mistyped option answer at once.
"""
