"""A Discord of the tests' own, on 127.0.0.1, that the real discord.py speaks to over real sockets.

It serves what RiffBot uses of REST and gateway v10, keeps Discord's rules (three seconds to
acknowledge, fifteen minutes to answer, form limits, rate limits), and fails loudly where the bot
asks for more. Behaviour tests belong in SimCord; load, reconnects, rate limits and real uploads
belong here.

    async with LoopbackDiscord() as there:
        there.add_guild("Band")
        ann = there.member("ann")
        async with there.running(bot):
            shown = await ann.slash("riff", prompt="funky saxophone")
            riff = await shown.until(lambda message: message.file(".mp3"))
            await ann.click(riff, "New seed")
"""

from tests.support.loopback.errors import ApiError, BotBrokeARule, DidNotRespond, LoopbackFailure
from tests.support.loopback.members import Member, Shown
from tests.support.loopback.messages import Attachment, Message
from tests.support.loopback.server import LoopbackDiscord
from tests.support.loopback.uploads import Upload
from tests.support.loopback.world import Channel, Guild, VoiceChannel

__all__ = [
    "ApiError",
    "Attachment",
    "BotBrokeARule",
    "Channel",
    "DidNotRespond",
    "Guild",
    "LoopbackDiscord",
    "LoopbackFailure",
    "Member",
    "Message",
    "Shown",
    "Upload",
    "VoiceChannel",
]
