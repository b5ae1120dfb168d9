"""/jam: an endless, shared jam in a voice channel."""
