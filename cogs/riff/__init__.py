"""/riff and the buttons under every riff."""
