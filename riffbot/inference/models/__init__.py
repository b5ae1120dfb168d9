"""Models: reading checkpoints, their networks, their schedulers."""
