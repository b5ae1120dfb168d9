"""Checks a library thoroughly, row by row and file by file, and mends what can be mended."""
