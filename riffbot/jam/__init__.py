"""The endless jam: a walk through prompts and seeds, locked to one seed image's tempo.

    walk.py         what to generate next: a value, and pure functions on it
    votes.py        many wishes, one prompt
    score.py        which picture sounds at which column, and what loops while none does
    performance.py  score → steady sound, block by block; its state is a value
    ring.py         ready Opus packets between whoever makes them and whoever plays them
    session.py      one living jam: asks the engine, feeds the ring, answers its listeners
    manager.py      one jam a server, many servers; what a restart must not lose

Nothing here imports Discord or a model.
"""
