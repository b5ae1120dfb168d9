"""What a server allows: pure decisions, apart from storage and from Discord."""
