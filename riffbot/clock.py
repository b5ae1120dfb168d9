"""The real monotonic clock.

The local Discord replaces `time.monotonic` with a simulated clock for the bot's own tasks, which
stands still while nobody acts. Whatever has to go by real time imports the function from here:
this reference is taken before the replacement.
"""

from time import monotonic

__all__ = ["monotonic"]
