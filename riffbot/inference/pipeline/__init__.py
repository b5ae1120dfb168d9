"""A generation, from prompt to spectrogram."""
