"""A jam in a voice channel: its packets, and a connection that reconnects or gives up in words.

`source` feeds a jam's packets to discord.py's player, `client` is discord.py's voice client with
health checks, `connection` supervises both and reconnects, `messages` holds the sentences for
members.
"""
