"""/library: find what was made, trace it, export it, delete it."""
