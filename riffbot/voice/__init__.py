"""A jam in a voice channel: its packets, and a connection that is kept, or given up in words.

`source` is the jam's end of discord.py's player, `client` discord.py's voice client with our ears
on it, `link` the supervisor around both, `words` what people are told.
"""
