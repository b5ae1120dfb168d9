"""Numbers ↔ sound: the spectrogram codec, loudness, files and pictures.

Nothing in this package imports a torch model, Discord or `riffbot`.
"""
