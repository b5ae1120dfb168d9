"""The prompts that measure a model, and wordings that training captions never use for them."""

from __future__ import annotations

from dataclasses import dataclass

HELD_OUT: tuple[str, ...] = (
    "fiddle tune from",
    "vikings",
    "grand finale",
    "sleepless",
    "dungeon",
    "zeppelin",
    "road trip",
    "moonlight",
    "sorrowful",
    "thunderous",
    "blistering",
    "tranquil lake",
    "mosh",
    "honky-tonk",
    "ragtime band",
    "serenade",
    "barn",
    "sunrise",
    "maharaja",
    "cowboy",
    "subway",
    "ghostly",
    "fairy",
    "haunting",
    "groovin",
    "heartfelt",
    "pounding",
    "boulevard",
    "whisper",
    "playing by the sea",
    "bouncy",
    "meadow",
)
"""Phrases, in lower case, that no training caption contains."""


@dataclass(frozen=True, slots=True)
class HeldOutPrompt:
    """A prompt, the judge's concepts that should be heard in it, and its tempo if it names one."""

    prompt: str
    expected: tuple[str, ...]
    bpm: float | None = None


def _p(prompt: str, expected: str, bpm: float | None = None) -> HeldOutPrompt:
    return HeldOutPrompt(prompt, tuple(expected.split(",")), bpm)


PROMPTS: tuple[HeldOutPrompt, ...] = (
    _p("sorrowful violin under moonlight", "violin"),
    _p("a gypsy violinist's serenade", "violin"),
    _p("violin virtuoso, 94 bpm", "violin", 94),
    _p("haunting cello in an empty theatre", "cello"),
    _p("deep cello notes, sorrowful", "cello"),
    _p("grand piano in a dim ballroom by moonlight", "piano"),
    _p("pianist practicing scales at 141 bpm", "piano", 141),
    _p("tinkling ivories, heartfelt", "piano"),
    _p("harp in a fairy tale garden", "harp"),
    _p("glistening harp strings, whisper quiet", "harp"),
    _p("harpsichord in a dusty palace", "harpsichord"),
    _p("old king's harpsichord dance", "harpsichord"),
    _p("sitar at sunrise", "sitar,indian"),
    _p("maharaja's court sitar", "sitar,indian"),
    _p("flute over a quiet meadow", "flute"),
    _p("lone flutist in the fog", "flute"),
    _p("spanish guitar serenade", "guitar"),
    _p("fingerpicked guitar on a road trip", "guitar"),
    _p("guitarist strumming by himself, 94 bpm", "guitar", 94),
    _p("lush violins and cellos, grand finale", "strings"),
    _p("string orchestra swelling like a tide", "strings"),
    _p("drummer going crazy, blistering", "drums"),
    _p("thunderous drumming, nothing else", "drums"),
    _p("drum break from an old record at 94 bpm", "drums,beat", 94),
    _p("angelic choir, ghostly", "choir"),
    _p("choir of monks in a stone hall", "choir"),
    _p("a hundred voices singing together", "choir,vocals"),
    _p("soprano singing an aria, whisper to scream", "opera,vocals"),
    _p("tragic italian opera diva by moonlight", "opera,vocals"),
    _p("a girl humming and singing", "vocals,female vocals"),
    _p("synthesizer wizardry from outer space", "synth,electronic"),
    _p("analog synth noodling, sleepless", "synth"),
    _p("sleepless techno in a subway tunnel", "techno"),
    _p("pounding techno, 141 bpm", "techno", 141),
    _p("acid rave at sunrise", "techno,electronic"),
    _p("groovin house music at 120 bpm", "house,dance", 120),
    _p("sunrise house set on a rooftop", "house,dance"),
    _p("hands up eurodance anthem on the boulevard", "dance,electronic"),
    _p("bouncy dance party banger", "dance"),
    _p("ambient drone over a tranquil lake", "ambient"),
    _p("ghostly ambient fog", "ambient"),
    _p("weightless floating synth clouds", "ambient"),
    _p("new age crystals and incense, whisper soft", "new age"),
    _p("healing tones on a tranquil lake", "new age,ambient"),
    _p("rock band on a road trip", "rock"),
    _p("led zeppelin style rock", "rock"),
    _p("thunderous stadium rock, 141 bpm", "rock", 141),
    _p("metal for a mosh pit in a dungeon", "metal"),
    _p("blistering thrash guitars", "metal"),
    _p("doom riffs of the vikings", "metal"),
    _p("three chord punk, blistering", "punk,rock"),
    _p("brat punk with a sneer, 164 bpm", "punk,rock", 164),
    _p("radio pop for a road trip", "pop"),
    _p("bouncy pop tune", "pop"),
    _p("jazz quartet on the boulevard, moonlight", "jazz"),
    _p("saxophone crooning in a jazz cellar", "jazz"),
    _p("swing band grand finale at 141 bpm", "jazz", 141),
    _p("sorrowful blues guitar in the delta mud", "blues"),
    _p("my baby left me blues, 70 bpm", "blues", 70),
    _p("cowboy country in a honky-tonk", "country"),
    _p("barn dance with banjo and fiddle", "country"),
    _p("heartfelt folk song by a river", "folk,acoustic"),
    _p("strummed folk in a meadow", "folk,acoustic"),
    _p("groovin funk bass and horns", "funk"),
    _p("funky strut down the boulevard, 94 bpm", "funk", 94),
    _p("heartfelt soul with horns", "soul"),
    _p("bedroom rnb whisper", "rnb"),
    _p("subway rap instrumental, 94 bpm", "hip-hop", 94),
    _p("hard hip hop from the boulevard", "hip-hop"),
    _p("bollywood at the maharaja's palace", "indian"),
    _p("mozart-like sonata, grand finale", "classical"),
    _p("chamber ensemble in a marble palace", "classical,strings"),
    _p("symphony of the thunderous sea", "classical"),
    _p("robot electro on the subway", "electro,electronic"),
)
"""Measured with three seeds each; the concepts are those of the tagger's vocabulary."""
