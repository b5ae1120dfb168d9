"""/riff: words in, riffs out."""
