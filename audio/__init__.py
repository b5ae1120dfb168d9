"""Converts spectrograms to sound and back: codec, loudness, files and pictures.

Nothing in this package imports a torch model, Discord or `riffbot`.
"""
