"""The words of the captions: tempo, mood, drums, ways to name a solo or a sound."""

from __future__ import annotations

import re

TEMPO = (
    (72, ("very slow", "slow", "slow tempo", "slow and steady", "really slow")),
    (92, ("slow", "laid-back", "slow tempo", "relaxed tempo", "unhurried")),
    (118, ("mid-tempo", "medium tempo", "moderate tempo", "steady", "walking pace")),
    (142, ("upbeat", "uptempo", "fast", "lively tempo", "quick", "brisk")),
    (999, ("very fast", "fast", "fast tempo", "frantic", "high speed", "rapid")),
)
BRIGHT = (
    "happy",
    "bright",
    "uplifting",
    "cheerful",
    "joyful",
    "sunny",
    "in a major key",
    "hopeful",
)
DARK = ("sad", "dark", "melancholic", "moody", "somber", "in a minor key", "gloomy", "wistful")
DRUM_KITS = {
    "machine": ("drum machine", "electronic drums", "909 drums", "four on the floor kick"),
    "trapkit": ("808 drums", "drum machine", "trap drums", "electronic beat"),
    "tr808": ("808 drums", "808 drum machine", "drum machine"),
    "electronic": ("electronic drums", "drum machine", "electronic beat"),
    "brush": ("brushed drums", "brushes on the snare", "soft jazz drums"),
    "jazz": ("jazz drums", "ride cymbal", "swinging drums"),
    "orchestra": ("orchestral percussion", "timpani and cymbals", "pounding drums"),
    "standard": ("drums", "drum kit", "live drums"),
    "room": ("drums", "drum kit", "live drums"),
    "power": ("loud drums", "pounding drums", "big drums"),
}
HAND_DRUMS = {
    "tabla": ("tabla", "tabla drums", "indian percussion", "hand drums"),
    "hand": ("hand drums", "congas and bongos", "percussion", "bongos"),
    "salsa": ("congas", "latin percussion", "timbales and cowbell", "percussion"),
    "samba": ("samba percussion", "brazilian percussion", "shakers and surdo"),
    "maqsum": ("darbuka", "arabic percussion", "hand drums", "tambourine and hand drums"),
    "bodhran": ("bodhran", "hand drum"),
    "jig": ("bodhran", "hand drum"),
    "afrobeat": ("african percussion", "afrobeat drums", "congas and drums"),
    "cumbia": ("guiro and congas", "latin percussion"),
    "sleigh": ("sleigh bells", "jingle bells"),
    "tango": ("woodblock", "light percussion"),
    "epic": ("epic drums", "taiko drums", "pounding war drums"),
    "brushes": ("brushed drums", "brushes"),
}
DRUM_ONLY = (
    "{g} drums", "{g} drum beat", "{g} drum loop", "drum solo", "{g} drum groove", "just drums",
    "{k}", "{k}, {g}", "drums", "drum beat", "a {m} {g} beat", "{g} percussion",
    "{k} playing a {g} groove",
    "beats", "{g} break", "drummer jamming {g}", "solo drums, {g} rhythm",
)  # fmt: skip
SOLO = (
    "{n}", "solo {n}", "{n} solo", "{m} {n}", "a {m} {n} melody", "{n} playing alone", "{n} music",
    "{m} solo {n}", "{n} riff", "someone playing the {n}", "{n}, {m}", "unaccompanied {n}",
    "just a {n}", "{m} {n} solo", "{n} by itself", "a lonely {n}", "{n} recording", "{n} {p}",
    "{m} {n} piece", "beautiful {n}", "{n} improvisation",
)  # fmt: skip
TEXTURE = (
    "{t}", "sound of {t}", "{t} sound effect", "{t} sounds", "recording of {t}",
    "{t} field recording",
    "{t} ambience", "only {t}", "the sound of {t}", "{t} foley", "{t}, sound effects",
)  # fmt: skip
TEXTURE_PLACES = {
    "bells": (
        "church bells on sunday", "bells of a cathedral", "village church bells", "wedding bells",
    ),
    "rain": ("rainy day", "rain on the window", "rain on the roof", "relaxing rain sounds"),
    "thunder": ("stormy night", "thunder and rain", "storm"),
    "waves": ("at the beach", "calm ocean", "seaside"),
    "typing": ("typing", "office typing", "someone typing on a keyboard", "hacker typing fast"),
    "birds": ("forest birds in the morning", "dawn chorus", "birds in a garden"),
    "wind": ("cold wind in the mountains", "windy night"),
    "fire": ("cozy fireplace", "campfire"),
    "crickets": ("summer night", "crickets chirping at night"),
    "clock": ("grandfather clock", "an old clock"),
    "water": ("mountain stream", "small river"),
    "applause": ("crowd clapping", "audience clapping"),
    "heartbeat": ("heart pounding", "pulse of a heart"),
    "footsteps": ("walking on a gravel path", "someone walking down a corridor"),
    "laser": ("spaceship battle", "laser gun", "arcade sound effects"),
    "vinyl": ("old record player", "dusty record"),
}  # fmt: skip
PLAYED = {
    "bow": ("bowed slowly", "with vibrato"),
    "pluck": ("fingerpicking", "strumming", "fingerstyle"),
    "keys": ("chords", "melody", "arpeggios"),
    "harp": ("arpeggios", "glissando"),
    "baroque": ("baroque piece", "counterpoint"),
    "metalguitar": ("riff", "shredding"),
    "leadguitar": ("riff", "bends"),
    "sitar": ("raga", "with drone"),
}
CLASSICAL_SOLO = frozenset(
    {
        "violin",
        "cello",
        "harp",
        "harpsichord",
        "flute",
        "piano",
        "strings",
        "viola",
        "oboe",
        "clarinet",
    }
)
ELECTRIC = frozenset(
    {"techno", "house", "trance", "electro", "synthwave", "dnb", "dubstep", "chiptune"}
)
CODAS = ("music", "track", "loop", "groove", "jam", "tune")

NAMED = re.compile(
    r"\b(?:accordion|bagpipes?|bandoneon|banjo|bass|brass|cello|choir|clarinet|drums?|fiddle|flute"
    r"|guitars?|guzheng|harpsichord|horns|koto|lute|organ|oud|piano|sax|saxophone|shakuhachi"
    r"|shamisen|sitar|steel pans|strings|trombone|trumpet|violins?)\b"
)
"""Instruments in the name of a style: “lute and harpsichord” is baroque, but only if they play."""
