"""/server settings: what a server decides for itself."""
