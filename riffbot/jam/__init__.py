"""Jams: endless music from a path of prompts, locked to one seed image's tempo.

What is played
    prompt_path      which chunk comes next: an immutable value, and pure functions on it
    chunk_options    what a person may set about the chunks
    ballot           one vote for everybody, one prompt for all; steering: votes and last author
    pending_changes  changes that members asked for and that are not heard yet
    tempo_lock       the seed image that fits, and its loop

How it becomes sound
    timeline         which chunk sounds at which column, and what loops when one is late
    synthesizer      timeline → continuous sound, block by block; its state is a value
    opus, ogg        sound → packets → a stream that browsers play
    ring             ready packets between the thread that makes them and those who read them
    player           the thread that fills the ring; pacing: who reads it

The life of a jam
    session          one running jam; phase: its lifecycle
    planner          schedules its chunks; outcomes: what can come of that
    config, assembly what a session is made of; reader: what can be read of it
    capacity         what a jam costs on this machine; attempts: starts that it was too slow for
    loop_thread      the event loop that all jams run on, and a list of all threads

Many jams
    manager          starts, finds, stores and resumes jams, with registry, starting and saver
    snapshot         a jam as JSON, so that a restart resumes it with the same samples
    history, excerpt the last minute of sound; what is saved of it, and its recipe

Without Discord and the page
    offline          a scripted jam as fast as the machine can; realtime: measured against the clock

Nothing here imports Discord or a model.
"""
