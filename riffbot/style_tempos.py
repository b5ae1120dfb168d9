"""How fast what a prompt describes usually goes, where it names no number.

A seed image locks a tempo in; a prompt alone leaves it open. The model could guess, but then beats
fall between the columns and the clip is no whole number of measures. So the words decide a range,
and the seed a tempo within it: techno is never slow, and another take is another tempo.
"""

from __future__ import annotations

import random
import re

USUAL = (76.0, 124.0)
"""Where no word says more."""

_STYLES: dict[tuple[int, int], str] = {
    (60, 78): "ambient|drone|meditat\\w*|spa|sleep\\w*|soundscape|space|floating|weightless|calm",
    (60, 84): "ballad|lullaby|new age|healing|relax\\w*|dub|chant|hymn|sacred|monks|requiem|adagio",
    (62, 96): "slow jam|r ?& ?b|rnb|lo-?fi|chillhop|reggae|roots|dub reggae|choir|church|cathedral|"
    "trip[- ]?hop|downtempo|chill\\w*|lounge|opera|aria|torch|cello|harp",
    (66, 104): "blues|soul|gospel|spirituals?|japanese|zen|koto|shakuhachi|sitar|raga|rain",
    (72, 112): "folk|acoustic|singer[- ]songwriter|classical|sonata|piano|strings|violin|flute|"
    "indian|campfire|guitar",
    (80, 104): "hip[- ]?hop|rap|boom ?bap|dancehall|g-funk|turntabl\\w*|mc",
    (
        86,
        128,
    ): "rock|indie|pop|country|synthwave|80s|eighties|new wave|electro\\w*|synth\\w*|arabic|"
    "middle eastern|turkish|persian|saxophone|sax|baroque|harpsichord|afro\\w*|african",
    (90, 122): "funk\\w*|groov\\w*|salsa|cumbia|latin|cuban|tango|march\\w*|calypso|caribbean|soca",
    (94, 140): "jazz\\w*|bossa|samba|swing\\w*|celtic|irish|jig|reel|waltz|musette",
    (104, 144): "polka|oompah|klezmer|balkan|circus|clown\\w*|ragtime|saloon|honky|western|surf|"
    "christmas|sleigh|banjo|flamenco",
    (110, 128): "disco|house|garage|club|dance floor|boogie",
    (116, 150): "chiptune|8[- ]?bit|video ?game|arcade|trap|drill|dance|bluegrass|fiddle|hoedown",
    (122, 142): "techno|rave|trance|edm|eurodance|acid|hands up|big room",
    (126, 176): "metal|thrash|djent|ska|big band|rock ?(and|n|'n'|&) ?roll|rockabilly|bebop",
    (138, 146): "dubstep|brostep|wobble",
    (144, 178): "punk|hardcore|skate|speed metal|drum ?(and|n|&) ?bass|dnb|jungle|breakcore|mosh",
}
_PACE: dict[tuple[float, float], str] = {
    (58, 72): "very slow|really slow|largo|doom",
    (62, 88): "slow\\w*|unhurried|lazy|laid[- ]back|gentle|peaceful|andante|sleepy",
    (88, 118): "mid[- ]?tempo|medium tempo|moderate\\w*|walking pace|steady",
    (118, 150): "up[- ]?tempo|upbeat|lively|quick|brisk|allegro|fast|energetic|driving",
    (146, 176): "very fast|frantic|rapid|high[- ]speed|presto|furious|blazing",
}


Span = tuple[float, float]


def _compiled(table: dict[Span, str]) -> list[tuple[Span, re.Pattern[str]]]:
    return [(span, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for span, words in table.items()]


_STYLE_PATTERNS = _compiled({(float(a), float(b)): words for (a, b), words in _STYLES.items()})
_PACE_PATTERNS = _compiled(_PACE)


def suggest_tempo(prompt: str, seed: int) -> float:
    """A tempo for a prompt: beats per minute, the same for the same words and seed.

    Words of pace (“slow”, “frantic”) decide before words of style (“techno”), and a long match
    before a short one, so that “very fast” is not “fast”, nor “drum and bass” a bass.
    """
    low, high = _range(prompt)
    # Even in the logarithm, as tempo is felt.
    return float(low * (high / low) ** random.Random(f"tempo {seed}").random())


def _range(prompt: str) -> Span:
    for patterns in (_PACE_PATTERNS, _STYLE_PATTERNS):
        found = [
            (len(match.group()), -place, span)
            for place, (span, pattern) in enumerate(patterns)
            for match in pattern.finditer(prompt)
        ]
        if found:
            return max(found)[2]
    return USUAL
