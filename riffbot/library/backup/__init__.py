"""Backups of a library: one ZIP file, made while RiffBot runs, restored into either database."""
