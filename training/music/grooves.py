"""Drum grooves as text: one line a drum, one character a step.

`X` accent, `x` hit, `o` soft, `g` ghost note, `?` a hit every second time, `.` rest. Grooves of
sixteen steps a measure read in any multiple of a beat; ternary ones have three steps a beat.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.music.clock import Clock, Pen

DRUMS: dict[str, int] = {
    "kick": 36,
    "snare": 38,
    "rim": 37,
    "clap": 39,
    "hat": 42,
    "pedal": 44,
    "open": 46,
    "ride": 51,
    "bell": 53,
    "crash": 49,
    "tom1": 50,
    "tom2": 47,
    "tom3": 43,
    "tamb": 54,
    "cowbell": 56,
    "bongo1": 60,
    "bongo2": 61,
    "slap": 62,
    "conga": 63,
    "tumba": 64,
    "timbale1": 65,
    "timbale2": 66,
    "agogo1": 67,
    "agogo2": 68,
    "cabasa": 69,
    "maracas": 70,
    "guiro": 73,
    "claves": 75,
    "block1": 76,
    "block2": 77,
    "triangle": 81,
    "shaker": 82,
    "sleigh": 83,
    "surdo": 87,
    "brush": 40,
}
_LEVEL = {"X": 118, "x": 102, "o": 78, "g": 42, "?": 66}


@dataclass(frozen=True, slots=True)
class Groove:
    """A measure or two of drums, as variants of lanes."""

    lanes: tuple[tuple[str, tuple[str, ...]], ...]
    steps: int = 4


def _groove(text: str, steps: int = 4) -> Groove:
    lanes = []
    for line in text.strip().splitlines():
        drum, *patterns = line.split()
        lanes.append((drum, tuple(patterns)))
    return Groove(tuple(lanes), steps)


GROOVES: dict[str, Groove] = {
    "rock": _groove("""
kick X.......X....... X.......X.x..... X.....x.X....... X..x....X.x.....
snare ....X.......X...
hat x.o.x.o.x.o.x.o. x.x.x.x.x.x.x.x. x...x...x...x..."""),
    "halftime": _groove("""
kick X.....x......... X..x......x.....
snare ........X.......
hat x.o.x.o.x.o.x.o."""),
    "punk": _groove("""
kick X.x.X.x.X.x.X.x. X..xX.x.X..xX.x.
snare ..X...X...X...X. ....X.......X...
hat x.x.x.x.x.x.x.x.
crash X..............."""),
    "metal": _groove("""
kick xxxxxxxxxxxxxxxx X.xxX.xxX.xxX.xx X..x..x.X..x..xx
snare ....X.......X... ..X...X...X...X.
crash X....... X...X...X...X...
ride x...x...x...x..."""),
    "shuffle": _groove(
        """
kick X..x..X..x.. X.....X..x..
snare ...X.....X..
hat x.ox.ox.ox.o
""",
        3,
    ),
    "slowblues": _groove(
        """
kick X.....X..... X....xX.....
snare ...X.....X..
ride xxxxxxxxxxxx x.xx.xx.xx.x""",
        3,
    ),
    "swing": _groove("""
ride x...x.o.x...x.o. x...x.o.x.o.x.o.
pedal ....x.......x...
kick o...o...o...o... ......?.........
snare ..........g..... ......?......... .........?....g."""),
    "brushes": _groove("""
brush o.g.x.g.o.g.x.g. oggoxggooggoxggo
pedal ....x.......x...
ride x...x.o.x...x.o. ................
kick o.......o......."""),
    "bigband": _groove("""
hat x...x.o.x...x.o.
kick X...x...X...x...
snare ....X.......X.x. ......x.....X..."""),
    "funk": _groove("""
kick X..x......x..... X.x....x..x..... X.....x...x..x..
snare ....X..g.g..X..g ....X..g....X.g.
hat x.o.x.o.x.o.x.o. xoxoxoxoxoxoxoxo
open ..............x. ................"""),
    "disco": _groove("""
kick X...X...X...X...
snare ....X.......X...
hat x.o.x.o.x.o.x.o.
open ..x...x...x...x.
tamb ....x.......x... ................"""),
    "house": _groove("""
kick X...X...X...X...
clap ....X.......X...
open ..x...x...x...x.
hat oo.ooo.ooo.ooo.o o...o...o...o...
shaker ................ oxooxxooxooxxoox"""),
    "techno": _groove("""
kick X...X...X...X...
hat o.x.o.x.o.x.o.x. ooxoooxoooxoooxo
open ..x...x...x...x. ................
clap ....x.......x... ................
rim ...x..x....x..?. ................ ..x..x....x..x.."""),
    "trance": _groove("""
kick X...X...X...X...
open ..X...X...X...X.
hat oxooxooxoxooxoox oooooooooooooooo
clap ....X.......X..."""),
    "dnb": _groove("""
kick X.........X..... X..........x....
snare ....X..g.g..X..g ....X..g....X...
hat x.x.x.x.x.x.x.x.
ride ................ x.x.x.x.x.x.x.x."""),
    "breakbeat": _groove("""
kick X.x.......xx.... X.x....x..x.....
snare ....X..g.g..X..g ....X..x.g..X..g
hat x.x.x.x.x.x.x.x."""),
    "dubstep": _groove("""
kick X.........x..... X.....x.........
snare ........X.......
hat x..x..x.x..x..x. o.o.o.o.o.o.o.o."""),
    "hiphop": _groove("""
kick X......x..x..... X..x......x..x.. X.....x...x.....
snare ....X.......X... ....X.......X..g
hat x.x.x.x.x.x.x.x. x.xox.x.x.xox.xo"""),
    "lofi": _groove("""
kick X......x..x..... X.....x...x.....
snare ....x.......x... ....x.......x..g
hat o.o.o.o.o.o.o.o. x.o.x.o.x.oox.o."""),
    "trap": _groove("""
kick X.....x...x..... X..x......x..x..
clap ........X.......
snare ........X....... ........X......g
hat xoxoxoxoxoxoxoxo x.x.x.xxx.x.xxxx x.xxx.x.xxx.x.xx
open ..............x. ................"""),
    "boombap": _groove("""
kick X.x.......x..... X......xx.......
snare ....X.......X...
hat x.x.x.x.x.x.x.x."""),
    "rnb": _groove("""
kick X.....x...x..... X..x......x.....
clap ....X.......X...
hat x.x.x.x.x.x.x.xx x.x.xxx.x.x.x.x.
rim ...........?..?."""),
    "soul": _groove("""
kick X.......X.x..... X..x....X.......
snare ....X.......X... X...X...X...X...
hat x.o.x.o.x.o.x.o.
tamb ....x.......x... ..x...x...x...x."""),
    "gospel": _groove("""
kick X..x..x.X..x..x. X.......X.x.....
snare ....X.......X...
tamb x.x.x.x.x.x.x.x. xoxoxoxoxoxoxoxo
clap ....X.......X..."""),
    "onedrop": _groove("""
kick ........X.......
rim ........X....... ........X.....x.
hat x.o.x.o.x.o.x.oo ..x...x...x...x.
cabasa ................ ..o...o...o...o."""),
    "steppers": _groove("""
kick X...X...X...X...
rim ........X.......
hat o.x.o.x.o.x.o.x."""),
    "dancehall": _groove("""
kick X..x..x.X..x..x. X.....x.X.....x.
snare ...x..X....x..X. ...X..X....X..X.
hat o.o.o.o.o.o.o.o."""),
    "ska": _groove("""
kick X...X...X...X... X.......X.......
snare ....X.......X...
hat ..x...x...x...x. x.x.x.x.x.x.x.x."""),
    "bossa": _groove("""
kick x.....xx.....xx. x.....x.x.....x.
rim x..x..x...x..x.. x..x..x....x..x.
shaker xoxoxoxoxoxoxoxo
hat o.o.o.o.o.o.o.o."""),
    "samba": _groove("""
surdo ....X.......X... ....X..x....X...
kick x..xx..xx..xx..x
shaker xooxxooxxooxxoox
tamb x.x.xx.x.x.xx.x. x.xx.x.xx.xx.x.x
agogo1 x..x....x.x..... ................
agogo2 .....x.x....x... ................"""),
    "salsa": _groove("""
conga ......xx......xx
slap ....X.......X...
claves x..x..x...x.x... ..x.x...x..x..x.
cowbell x...x.x.x...x.x. X...X...X...X...
timbale1 ................ ..............xx
maracas x.x.x.x.x.x.x.x.
kick ......x.......x. x.....x........."""),
    "cumbia": _groove("""
kick X...X...X...X...
guiro x.oox.oox.oox.oo
conga ..x...x...x...x.
cowbell x...x...x...x..."""),
    "reggaeton": _groove("""
kick X...X...X...X...
snare ...X..X....X..X.
hat x.x.x.x.x.x.x.x. ................"""),
    "tango": _groove("""
block1 x..x..x.x..x..x. ................
kick x.......x......."""),
    "afrobeat": _groove("""
kick X..x....x..x.... x.....x.X...x...
snare ......g.X..g..x. ....x..x....x..x
hat x.xxx.xxx.xxx.xx
shaker xoxoxoxoxoxoxoxo
conga ..xx..x...xx..x.
agogo1 x.x..x.x.x..x..."""),
    "hand": _groove("""
conga X..x..x.X..x..x. x..x.xx.x..x.xx.
tumba ....x.......x.x.
bongo1 x.xx..x.x.xx..x. ................
shaker o.o.o.o.o.o.o.o. ................"""),
    "tabla": _groove("""
bongo1 X..xx.x.x..xx.xx X.x.xx.xX.x.xx.x
bongo2 ..x....x..x....x
tumba X.....x.....x... X.......X..x...."""),
    "maqsum": _groove("""
tumba X.......x....... X..x....X.......
slap ..x...x.....x... ..X...X...x.X...
tamb xoxoxoxoxoxoxoxo ..x...x...x...x.
bongo1 ...........?.?.? ................"""),
    "train": _groove("""
kick X.......X....... X...X...X...X...
snare o.oox.ooo.oox.oo g.goX.gog.goX.go
hat ..x...x...x...x. ................"""),
    "country": _groove("""
kick X.......X....... X.......X.x.....
rim ....x.......x... ................
snare ................ ....x.......x...
hat x.o.x.o.x.o.x.o."""),
    "polka": _groove("""
kick X.......X.......
snare ....x.......x... ..x...x...x...x.
hat ....x.......x..."""),
    "march": _groove("""
kick X.......X.......
snare X..xx.x.X.xxx.x. x.xxx.xxx.xxx.x.
crash X............... ................"""),
    "waltz": _groove("""
kick X...........
hat ....x...x... ....o...o...
ride ............ x...o...o..."""),
    "jazzwaltz": _groove("""
ride x...x.o.x...
pedal ....x...x...
kick o........... o.......?..."""),
    "jig": _groove(
        """
tumba X.....x..... X..x..X..x..
tamb xooxooxooxoo ............""",
        3,
    ),
    "bodhran": _groove("""
tumba X..x..x.X..x..x. X.x.x.x.X.x.x.x.
tamb ................ ....x.......x..."""),
    "epic": _groove("""
tom3 X..x..x.X..x.xx. X.xxX.xxX.xxX.xx X.....x.x.....xx
kick X.......X....... X...X...X...X...
crash X............... ................
snare ................ ....X..xx...X..x"""),
    "ballad": _groove("""
kick X.......x....... X.........x.....
rim ....x.......x... ................
snare ................ ....x.......x...
hat o.o.o.o.o.o.o.o."""),
    "pop": _groove("""
kick X.....x.X....... X...X...X...X... X..x..x...x.....
snare ....X.......X...
clap ....X.......X... ................
hat x.o.x.o.x.o.x.o."""),
    "synthwave": _groove("""
kick X...X...X...X... X.......X.x.....
snare ....X.......X...
hat x.x.x.x.x.x.x.x. xoxoxoxoxoxoxoxo
tom2 ..............x. ................"""),
    "electro": _groove("""
kick X..x....x.x..... X.....x...x.x...
snare ....X.......X...
clap ....X.......X... ................
cowbell ..x..x....x..x.. ................
hat x.xox.xox.xox.xo"""),
    "chip": _groove("""
kick X...x...X...x... X.....x.X.......
snare ....X.......X...
hat x.x.x.x.x.x.x.x."""),
    "sleigh": _groove("""
sleigh x.o.x.o.x.o.x.o.
kick X.......X....... ................"""),
    "downtempo": _groove("""
kick X.........x..... X......x........
snare ....x.......x... ........x.......
hat ..x...x...x...x. oxoxoxoxoxoxoxox
shaker ................ o.x.o.x.o.x.o.x."""),
}

_LONG_FILLS = (
    "snare snare tom1 tom1 tom2 tom2 tom3 tom3",
    "snare snare snare snare tom1 tom2 tom3 tom3",
    "tom1 . tom1 tom2 . tom2 tom3 snare",
    "snare . snare snare . snare kick snare",
)


def write_drums(pen: Pen, name: str, *, density: float, fill: bool, crash: bool) -> None:
    """Play a groove over the whole clip; `density` drops optional lanes, `fill` ends it."""
    clock, groove = pen.clock, GROOVES[name]
    rng = clock.rng
    chosen = []
    for index, (drum, variants) in enumerate(groove.lanes):
        if index >= 3 and rng.random() > density:
            continue
        chosen.append((drum, rng.choice(variants)))
    fill_from = clock.total - min(clock.bar // 2, 2 * clock.steps) if fill else clock.total
    for drum, pattern in chosen:
        for step in range(clock.total):
            mark = pattern[(step % clock.bar) % len(pattern)]
            if mark == "." or (mark == "?" and rng.random() < 0.5):
                continue
            if step >= fill_from and drum != "kick":
                continue
            pen.play(step, 1, DRUMS[drum], _LEVEL[mark])
    if fill:
        _write_fill(pen, fill_from, clock)
    if crash:
        pen.play(0, 4, DRUMS["crash"], 104)


def _write_fill(pen: Pen, start: int, clock: Clock) -> None:
    drums = clock.rng.choice(_LONG_FILLS).split()
    count = clock.total - start
    for index in range(count):
        drum = drums[index * len(drums) // count]
        if drum != ".":
            pen.play(start + index, 1, DRUMS[drum], 88 + 28 * index / count)


def groove_steps(name: str) -> int:
    """Steps a beat of a groove: 4, or 3 where it is ternary."""
    return GROOVES[name].steps
