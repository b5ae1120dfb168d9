"""Singers and rappers: a bank of syllables that were pronounced once, and how they are sung."""
