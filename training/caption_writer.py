"""Captions as people type prompts: one word or a sentence, about what can be heard.

Everything a caption says is true of its clip: instruments are named only when they play on top of
or near the top of the mix, tempo words follow the tempo, moods the genre and the mode.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from riffbot.bench.held_out_prompts import HELD_OUT
from training import caption_voices as voices
from training import caption_wider as wider
from training import caption_words as lexicon
from training.music.frame import pick
from training.music.genres import GENRES
from training.music.harmony import BRIGHT
from training.music.instruments import INSTRUMENTS
from training.music.piece import Piece
from training.music.textures import TEXTURES

WIDER = 0.4
"""Share of names that come from the wider vocabulary."""

VOICED, UNVOICED = 0.35, 0.06
"""Share of the captions of sung bands about the voice, and of others that say that nobody sings."""

FRAMED = 0.12
"""Share of captions with something around them that people put around anything."""

PICTURED = 0.06
"""Share of the captions of music without sounds that liken it to a sea, a storm, a fire …"""


def mentions(words: Sequence[str]) -> re.Pattern[str]:
    """What finds one of `words` (in lower case, each whole) in lower-case captions."""
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")


class _Words:
    """What can truly be said of one piece."""

    def __init__(self, piece: Piece, rng: random.Random) -> None:
        self.piece, self.rng = piece, rng
        self.genre = GENRES.get(piece.genre)
        self.bright = piece.mode in BRIGHT

    def mood(self) -> str:
        moods = self.genre.moods if self.genre else ()
        if self.piece.kind == "drums":
            return self.rng.choice(moods)
        if self.genre and self.rng.random() < 0.7:
            return self.rng.choice(moods)
        if self.piece.mode in {"hijaz", "double harmonic"}:
            return self.rng.choice(("arabic", "middle eastern", "exotic", "mysterious"))
        words = lexicon.BRIGHT if self.bright else lexicon.DARK
        return self.rng.choice([word for word in words if not word.startswith("in a")])

    def style(self) -> str:
        assert self.genre is not None
        style = self._wider(wider.GENRES, self.piece.genre)
        if not style or not self._plays_all(style) or not self._keeps_promises(style):
            names = [name for name in self.genre.names if self._keeps_promises(name)]
            style = self.rng.choice(names or [self.genre.names[0]])
        if self.piece.mode in {"hijaz", "double harmonic"} and self.rng.random() < 0.4:
            foreign = self.piece.genre not in {"arabic", "indian", "klezmer", "flamenco"}
            style = f"arabic {style}" if foreign else style
        return style

    def _keeps_promises(self, style: str) -> bool:
        if "choir" in style and not {"choir", "singers"} & set(self.piece.roles.values()):
            return False
        return voices.keeps_promises(style, self.voices())

    def voices(self) -> frozenset[str]:
        """Which voices are heard, a choir included."""
        return frozenset(self.piece.roles.values()) & {*voices.BAND, "choir"}

    def _plays_all(self, text: str) -> bool:
        """Whether every instrument that a text names is played."""
        names = " ".join(
            name
            for key in self.piece.roles.values()
            for name in (INSTRUMENTS[key].names if key in INSTRUMENTS else (key,))
        )
        return all(word.rstrip("s") in names for word in lexicon.NAMED.findall(text.lower()))

    def _wider(self, table: dict[str, tuple[str, ...]], key: str) -> str:
        """Now and then a name of the wider vocabulary, else nothing."""
        names = table.get(key, ())
        return self.rng.choice(names) if names and self.rng.random() < WIDER else ""

    def name(self, key: str) -> str:
        if other := self._wider(wider.PLAYERS, key):
            return other
        names = INSTRUMENTS[key].names
        if self.piece.kind != "solo":
            names = tuple(name for name in names if not name.startswith("solo"))
        return names[0] if self.rng.random() < 0.4 else self.rng.choice(names)

    def drums(self) -> str:
        hand = lexicon.HAND_DRUMS.get(self.piece.style)
        if hand:
            return self.rng.choice(hand)
        dice = self.rng.random()
        if dice < 0.4:
            return self.rng.choice(("drums", "drums", "drum beat"))
        if dice < 0.6:
            return self.rng.choice(wider.DRUMMERS)
        words = lexicon.DRUM_KITS[self.piece.kit]
        word = self.rng.choice(words)
        if "four on the floor" in word and self.piece.style not in {"techno", "house", "trance"}:
            return "drum machine"
        return word

    def parts(self) -> list[str]:
        """Names of what plays, most prominent first; some are left out, as people do."""
        roles = self.piece.roles
        parts = [self.name(roles[r]) for r in ("lead", "fill", "chords", "bass") if r in roles]
        if "drums" in roles:
            parts.append(self.drums())
        keep = [p for i, p in enumerate(parts) if i == 0 or self.rng.random() < 0.6]
        texture = [self.texture(t.name) for t in self.piece.textures]
        return list(dict.fromkeys(keep + texture))

    def texture(self, name: str) -> str:
        return self._wider(wider.TEXTURES, name) or self.rng.choice(TEXTURES[name])

    def tempo(self) -> str:
        for limit, words in lexicon.TEMPO:
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
    text = rng.choice(voices.ALONE if who.key in voices.BAND else lexicon.SOLO)
    if "{p}" in text:
        text = text.replace("{p}", rng.choice(lexicon.PLAYED.get(who.hand, ("melody", "part"))[:1]))
    text = text.replace("{n}", name).replace("{m}", words.mood())
    dice = rng.random()
    if who.key in lexicon.CLASSICAL_SOLO and dice < 0.15:
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
    text = words.rng.choice(lexicon.DRUM_ONLY)
    return text.format(g=words.style(), k=words.drums(), m=words.mood())


def _texture(words: _Words) -> str:
    name = words.piece.textures[0].name
    if words.rng.random() < 0.35 and name in lexicon.TEXTURE_PLACES:
        return words.rng.choice(lexicon.TEXTURE_PLACES[name])
    thing = words.texture(name)
    text = words.rng.choice(lexicon.TEXTURE)
    if thing.startswith(("sound of", "the ")) or thing.endswith(("sounds", "effects")):
        text = "{t}"
    return text.format(t=thing)


def _band(words: _Words) -> str:
    rng, style, parts = words.rng, words.style(), words.parts()
    mood, first = words.mood(), parts[0] if parts else ""
    if not parts:
        return style
    listing = _listing(parts, rng)
    front = words.piece.roles.get("lead", "")
    sung = front in voices.BAND
    if sung and rng.random() < VOICED:
        return voices.sung_style(rng, front, style, mood)
    if not words.voices() and rng.random() < UNVOICED:
        return rng.choice(voices.NOBODY).format(s=style, m=mood, p=listing)
    scene = pick(rng, words.genre.scenes) if words.genre else ""
    coda = "song" if sung else rng.choice(lexicon.CODAS)
    ways: tuple[tuple[float, Callable[[], str]], ...] = (
        (1.5, lambda: style),
        (1.2, lambda: f"{mood} {style}"),
        (0.8, lambda: f"{style} {coda}"),
        (1.6, lambda: f"{style} with {listing}"),
        (1.0, lambda: f"{style}, {', '.join(parts)}"),
        (0.9, lambda: f"{first}, {style}" if sung else f"{first} playing {style}"),
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


def _framed(words: _Words, text: str) -> str:
    """The caption with something around it that is true of anything."""
    if words.piece.kind == "texture":
        return text
    if not words.piece.textures and words.rng.random() < PICTURED:
        return words.rng.choice(wider.PICTURES).format(x=text)
    if words.rng.random() >= FRAMED:
        return text
    frames = [frame for frame in wider.ANYTHING if "instrumental" not in frame]
    choices = frames if words.voices() else wider.ANYTHING
    return words.rng.choice(choices).format(x=text, m=words.mood())


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
        text = _tempo_tail(words, _framed(words, _WAYS[piece.kind](words)))
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
