"""Clips from request to stored files: the service, edits, recipes, replay, import, export."""
