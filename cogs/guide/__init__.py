"""/guide and /about."""
