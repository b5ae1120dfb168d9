"""Captions as people type prompts: one word or a sentence, about what can be heard.

Everything a caption says is true of its clip: instruments are named only when they play on top of
or near the top of the mix, tempo words follow the tempo, moods the genre and the mode.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from training.music.genres import GENRES
from training.music.harmony import BRIGHT
from training.music.instruments import INSTRUMENTS
from training.music.piece import Piece
from training.music.textures import TEXTURES
from training.prompts_heldout import HELD_OUT

_TEMPO = (
    (72, ("very slow", "slow", "slow tempo", "slow and steady", "really slow")),
    (92, ("slow", "laid-back", "slow tempo", "relaxed tempo", "unhurried")),
    (118, ("mid-tempo", "medium tempo", "moderate tempo", "steady", "walking pace")),
    (142, ("upbeat", "uptempo", "fast", "lively tempo", "quick", "brisk")),
    (999, ("very fast", "fast", "fast tempo", "frantic", "high speed", "rapid")),
)
_BRIGHT = (
    "happy",
    "bright",
    "uplifting",
    "cheerful",
    "joyful",
    "sunny",
    "in a major key",
    "hopeful",
)
_DARK = ("sad", "dark", "melancholic", "moody", "somber", "in a minor key", "gloomy", "wistful")
_DRUM_KITS = {
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
_HAND_DRUMS = {
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
_DRUM_ONLY = (
    "{g} drums", "{g} drum beat", "{g} drum loop", "drum solo", "{g} drum groove", "just drums",
    "{k}", "{k}, {g}", "drums", "drum beat", "a {m} {g} beat", "{g} percussion", "{k} playing a {g} groove",
    "beats", "{g} break", "drummer jamming {g}", "solo drums, {g} rhythm",
)  # fmt: skip
_SOLO = (
    "{n}", "solo {n}", "{n} solo", "{m} {n}", "a {m} {n} melody", "{n} playing alone", "{n} music",
    "{m} solo {n}", "{n} riff", "someone playing the {n}", "{n}, {m}", "unaccompanied {n}",
    "just a {n}", "{m} {n} solo", "{n} by itself", "a lonely {n}", "{n} recording", "{n} {p}",
    "{m} {n} piece", "beautiful {n}", "{n} improvisation",
)  # fmt: skip
_TEXTURE = (
    "{t}", "sound of {t}", "{t} sound effect", "{t} sounds", "recording of {t}", "{t} field recording",
    "{t} ambience", "only {t}", "the sound of {t}", "{t} foley", "{t}, sound effects",
)  # fmt: skip
_TEXTURE_PLACES = {
    "bells": ("church bells on sunday", "bells of a cathedral", "village church bells", "wedding bells"),
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
_PLAYED = {
    "bow": ("bowed slowly", "with vibrato"),
    "pluck": ("fingerpicking", "strumming", "fingerstyle"),
    "keys": ("chords", "melody", "arpeggios"),
    "harp": ("arpeggios", "glissando"),
    "baroque": ("baroque piece", "counterpoint"),
    "metalguitar": ("riff", "shredding"),
    "leadguitar": ("riff", "bends"),
    "sitar": ("raga", "with drone"),
    "voice": ("singing ahh", "singing", "harmonies"),
}
_CLASSICAL_SOLO = frozenset(
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
_ELECTRIC = frozenset(
    {"techno", "house", "trance", "electro", "synthwave", "dnb", "dubstep", "chiptune"}
)
_CODAS = ("music", "track", "song", "loop", "instrumental", "groove", "jam", "tune")


class _Words:
    """What can truly be said of one piece."""

    def __init__(self, piece: Piece, rng: random.Random) -> None:
        self.piece, self.rng = piece, rng
        self.genre = GENRES.get(piece.genre)
        self.bright = piece.mode in BRIGHT

    def mood(self) -> str:
        moods = [m.strip() for m in self.genre.moods.split(",")] if self.genre else []
        if self.piece.kind == "drums":
            return self.rng.choice(moods)
        if self.genre and self.rng.random() < 0.7:
            return self.rng.choice(moods)
        if self.piece.mode in {"hijaz", "double harmonic"}:
            return self.rng.choice(("arabic", "middle eastern", "exotic", "mysterious"))
        words = _BRIGHT if self.bright else _DARK
        return self.rng.choice([word for word in words if not word.startswith("in a")])

    def style(self) -> str:
        assert self.genre is not None
        style = self.rng.choice(self.genre.names.split(";"))
        if "choir" in style and "choir" not in self.piece.roles.values():
            style = style.split()[0]
        if self.piece.mode in {"hijaz", "double harmonic"} and self.rng.random() < 0.4:
            foreign = self.piece.genre not in {"arabic", "indian", "klezmer", "flamenco"}
            style = f"arabic {style}" if foreign else style
        return style

    def name(self, key: str) -> str:
        names = INSTRUMENTS[key].names
        if self.piece.kind != "solo":
            names = tuple(name for name in names if not name.startswith("solo"))
        return names[0] if self.rng.random() < 0.4 else self.rng.choice(names)

    def drums(self) -> str:
        hand = _HAND_DRUMS.get(self.piece.style)
        if hand:
            return self.rng.choice(hand)
        if self.rng.random() < 0.4:
            return self.rng.choice(("drums", "drums", "drum beat"))
        words = _DRUM_KITS[self.piece.kit]
        word = self.rng.choice(words)
        if "four on the floor" in word and self.piece.style not in {"techno", "house", "trance"}:
            return "drum machine"
        return word

    def parts(self) -> list[str]:
        """Names of what plays, most prominent first; some are left out, as people do."""
        roles = self.piece.roles
        parts = [self.name(roles[r]) for r in ("lead", "chords", "bass") if r in roles]
        if "drums" in roles:
            parts.append(self.drums())
        keep = [p for i, p in enumerate(parts) if i == 0 or self.rng.random() < 0.6]
        texture = [self.rng.choice(TEXTURES[t.name]) for t in self.piece.textures]
        return list(dict.fromkeys(keep + texture))

    def tempo(self) -> str:
        for limit, words in _TEMPO:
            if self.piece.bpm < limit:
                return self.rng.choice(words)
        return "fast"

    def bpm(self) -> str:
        number = round(self.piece.bpm)
        return self.rng.choice(
            (f"{number} bpm", f"{number} bpm", f"{number} BPM", f"{number}bpm", f"tempo {number}")
        )


def _listing(parts: list[str], rng: random.Random) -> str:
    if len(parts) == 1:
        return parts[0]
    joint = rng.choice((" and ", " and ", ", ", " with ", " & "))
    return ", ".join(parts[:-1]) + joint + parts[-1]


def _solo(words: _Words) -> str:
    rng, who = words.rng, INSTRUMENTS[words.piece.roles["solo"]]
    name = words.name(who.key)
    text = rng.choice(_SOLO)
    if "{p}" in text:
        text = text.replace("{p}", rng.choice(_PLAYED.get(who.hand, ("melody", "part"))[:1]))
    text = text.replace("{n}", name).replace("{m}", words.mood())
    dice = rng.random()
    if who.key in _CLASSICAL_SOLO and dice < 0.15:
        text = rng.choice(
            (f"classical {name}", f"{name}, classical music", f"classical {name} solo")
        )
    elif who.key == "sitar" and dice < 0.25:
        text = rng.choice(
            (f"indian {name}".replace("indian indian", "indian"), "indian raga on sitar")
        )
    elif words.piece.mode in {"hijaz", "double harmonic"} and dice < 0.3:
        text = rng.choice((f"arabic {name}", f"middle eastern {name}", f"{name}, arabic scale"))
    elif who.key in {"koto", "shamisen", "shakuhachi"} and dice < 0.25:
        text = rng.choice(
            (f"japanese {name}".replace("japanese japanese", "japanese"), f"{name} in a zen garden")
        )
    text = text.replace("solo solo", "solo")
    if name.endswith("s") or name in {"brass", "piano keys", "choir singing", "woman singing"}:
        text = text.replace(f"a {name}", name).replace("a lonely", "lonely")
    elif name[0] in "aeiou8":
        text = text.replace(f"just a {name}", f"just an {name}")
    return text


def _drums(words: _Words) -> str:
    text = words.rng.choice(_DRUM_ONLY)
    return text.format(g=words.style(), k=words.drums(), m=words.mood())


def _texture(words: _Words) -> str:
    name = words.piece.textures[0].name
    if words.rng.random() < 0.35 and name in _TEXTURE_PLACES:
        return words.rng.choice(_TEXTURE_PLACES[name])
    thing = words.rng.choice(TEXTURES[name])
    text = words.rng.choice(_TEXTURE)
    if thing.startswith(("sound of", "the ")) or thing.endswith(("sounds", "effects")):
        text = "{t}"
    return text.format(t=thing)


def _band(words: _Words) -> str:
    rng, style, parts = words.rng, words.style(), words.parts()
    mood, first = words.mood(), parts[0] if parts else ""
    if not parts:
        return style
    listing = _listing(parts, rng)
    scene = rng.choice(words.genre.scenes.split(";")) if words.genre else ""
    ways: tuple[tuple[float, Callable[[], str]], ...] = (
        (1.5, lambda: style),
        (1.2, lambda: f"{mood} {style}"),
        (0.8, lambda: f"{style} {rng.choice(_CODAS)}"),
        (1.6, lambda: f"{style} with {listing}"),
        (1.0, lambda: f"{style}, {', '.join(parts)}"),
        (0.9, lambda: f"{first} playing {style}"),
        (0.9, lambda: f"{style} {first}"),
        (0.7, lambda: f"{mood} {style} featuring {first}"),
        (0.6, lambda: f"{', '.join(parts)}, {style}"),
        (0.8, lambda: f"{listing}"),
        (0.7, lambda: f"{style} {scene}"),
        (0.5, lambda: f"{scene}"),
        (0.5, lambda: f"{mood} {style} {scene} with {first}"),
        (0.5, lambda: f"{first} over {style} groove"),
        (0.5, lambda: f"{style} groove, {mood} {first}"),
        (0.4, lambda: f"a {mood} {style} tune with {listing}"),
        (0.4, lambda: f"{mood} and {words.mood()} {style}"),
        (0.4, lambda: f"{mood} {first} and {style} vibes"),
    )
    return rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0]()


def _tempo_tail(words: _Words, text: str) -> str:
    rng = words.rng
    if words.piece.kind == "texture":
        return text
    dice = rng.random()
    if dice < 0.35:
        bpm = words.bpm()
        return rng.choice((f"{text}, {bpm}", f"{text} at {bpm}", f"{text} {bpm}", f"{bpm} {text}"))
    if dice < 0.58:
        tempo = words.tempo()
        return rng.choice((f"{tempo} {text}", f"{text}, {tempo}"))
    if dice < 0.63:
        return f"{words.tempo()} {text}, {words.bpm()}"
    return text


_WAYS: dict[str, Callable[[_Words], str]] = {
    "solo": _solo,
    "drums": _drums,
    "texture": _texture,
    "band": _band,
}


def held_out(text: str) -> bool:
    """Whether a caption says what is kept for the evaluation."""
    plain = text.lower()
    return any(phrase in plain for phrase in HELD_OUT)


def captions(piece: Piece, rng: random.Random, n: int) -> list[str]:
    """`n` captions of a piece, worded differently as far as there is something to say."""
    words = _Words(piece, rng)
    found: list[str] = []
    for _ in range(n * 12):
        text = _tempo_tail(words, _WAYS[piece.kind](words))
        text = " ".join(text.split()).strip(" ,")
        if rng.random() < 0.06:
            text = text[:1].upper() + text[1:]
        if text and text not in found and not held_out(text):
            found.append(text)
        if len(found) == n:
            return found
    while len(found) < n:
        found.append(found[len(found) // 2] if found else piece.genre or "music")
    return found
