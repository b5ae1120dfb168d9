"""The instruments: what plays them, where they are at home, and what people call them.

`program` is a General MIDI program; an instrument with a `patch` is synthesised by
`training.patches` instead. `low` and `high` are the idiomatic register as MIDI notes, not the
limits of the mechanism: a flute's low octave is not what "flute" brings to mind.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument; `hand` names the way a solo on it is written (see `solos`)."""

    key: str
    program: int
    low: int
    high: int
    hand: str
    names: tuple[str, ...]
    patch: str = ""
    effects: tuple[str, ...] = ()
    solo_weight: float = 1.0

    @property
    def sustained(self) -> bool:
        """Whether notes can swell while they sound."""
        return self.hand in {"bow", "wind", "brass", "voice", "pad", "section"}


_TABLE = """
piano        | 0   | 43 88 | keys    | 5  | piano, grand piano, acoustic piano, piano keys, pianoforte
honkytonk    | 3   | 46 84 | keys    | .5 | honky tonk piano, saloon piano, upright piano, old piano
epiano       | 4   | 48 82 | ekeys   | 1  | electric piano, rhodes, rhodes piano, e-piano, mellow keys
dxpiano      | 5   | 48 84 | ekeys   | .4 | fm electric piano, dx7 keys, 80s electric piano
harpsichord  | 6   | 43 84 | baroque | 3  | harpsichord, clavecin, cembalo
clavinet     | 7   | 43 76 | funkkeys | .5 | clavinet, funky clav
celesta      | 8   | 60 96 | bells   | .5 | celesta, celeste
glockenspiel | 9   | 72 98 | bells   | .5 | glockenspiel
musicbox     | 10  | 64 96 | bells   | 1  | music box, musical box
vibraphone   | 11  | 55 86 | mallets | .8 | vibraphone, vibes
marimba      | 12  | 50 84 | mallets | .8 | marimba
xylophone    | 13  | 62 94 | mallets | .6 | xylophone
tubular      | 14  | 55 77 | chimes  | .6 | tubular bells, chimes, orchestral chimes
santur       | 15  | 55 86 | dulcimer | .6 | hammered dulcimer, santur, dulcimer, cimbalom
hammond      | 16  | 45 80 | organ   | 1  | hammond organ, organ, drawbar organ, b3 organ
rockorgan    | 18  | 45 79 | organ   | .5 | rock organ, electric organ, overdriven organ
churchorgan  | 19  | 36 79 | churchkeys | 1.5 | church organ, pipe organ, cathedral organ, organ pipes
harmonium    | 20  | 48 77 | organ   | .4 | harmonium, reed organ, pump organ
accordion    | 21  | 53 82 | squeeze | 1  | accordion, squeezebox, french accordion
harmonica    | 22  | 60 84 | wind    | 1  | harmonica, blues harp, mouth organ
bandoneon    | 23  | 53 82 | squeeze | .5 | bandoneon, tango accordion
nylon        | 24  | 40 76 | pluck   | 3  | classical guitar, nylon guitar, spanish guitar, nylon string guitar
steel        | 25  | 40 76 | pluck   | 4  | acoustic guitar, steel string guitar, folk guitar, guitar
jazzguitar   | 26  | 43 78 | jazzpluck | 1 | jazz guitar, hollow body guitar, archtop guitar
clean        | 27  | 43 79 | eguitar | 1.5 | electric guitar, clean electric guitar, strat guitar
muted        | 28  | 40 67 | mutedpluck | .5 | muted guitar, palm muted guitar, picked electric guitar
overdrive    | 29  | 40 81 | leadguitar | 2 | overdriven guitar, electric guitar, rock guitar, axe
distortion   | 30  | 38 79 | metalguitar | 2 | distorted guitar, distortion guitar, heavy guitar, heavy electric guitar, shredding guitar
upright      | 32  | 28 55 | walk    | 1  | upright bass, double bass, acoustic bass, standup bass
bass         | 33  | 28 52 | bassline | 1 | bass guitar, electric bass, bass, bassline
pickbass     | 34  | 28 50 | bassline | .4 | picked bass, rock bass
fretless     | 35  | 30 57 | bassline | .4 | fretless bass
slap         | 36  | 28 55 | slapline | .8 | slap bass, slapped bass, funk bass, popping bass
synthbass    | 38  | 28 50 | bassline | .5 | synth bass, analog bass, synthesizer bass
violin       | 40  | 60 90 | bow     | 5  | violin, solo violin, bowed violin
viola        | 41  | 52 79 | bow     | .6 | viola
cello        | 42  | 38 67 | bow     | 4  | cello, violoncello, solo cello
contrabass   | 43  | 28 50 | bow     | .3 | bowed double bass, contrabass
tremolo      | 44  | 45 84 | section | .4 | tremolo strings, trembling strings
pizzicato    | 45  | 43 84 | pizz    | .7 | pizzicato strings, plucked strings, pizzicato
harp         | 46  | 40 92 | harp    | 4  | harp, concert harp, celtic harp, harp strings
timpani      | 47  | 40 55 | timp    | .3 | timpani, kettle drums
strings      | 48  | 43 86 | section | 4  | strings, string section, string ensemble, orchestral strings, violins
slowstrings  | 49  | 43 84 | section | 1  | slow strings, lush strings, legato strings
synthstrings | 50  | 48 84 | pad     | .5 | synth strings, string machine
choir        | 52  | 48 79 | voice   | 4  | choir, choir singing, choral voices, choir aahs, vocal choir, chorus of voices
synthvoice   | 54  | 50 79 | voice   | .7 | synth voice, ethereal voice, vocal synth
trumpet      | 56  | 55 82 | brass   | 1.5 | trumpet
trombone     | 57  | 43 70 | brass   | .8 | trombone
tuba         | 58  | 28 53 | tubaline | .4 | tuba, oompah tuba
mutedtrumpet | 59  | 57 82 | brass   | .7 | muted trumpet, harmon mute trumpet
horn         | 60  | 45 72 | brass   | .8 | french horn, horn
brass        | 61  | 46 77 | stabs   | .8 | brass section, horns, brass, horn section, big band brass
synthbrass   | 62  | 48 77 | stabs   | .4 | synth brass, 80s synth brass
soprano      | 64  | 58 84 | wind    | .6 | soprano saxophone, soprano sax, saxophone, sax
alto         | 65  | 52 79 | wind    | 1.2 | alto saxophone, alto sax, saxophone, sax
tenor        | 66  | 46 74 | wind    | 1.5 | tenor saxophone, tenor sax, saxophone, sax
baritone     | 67  | 40 65 | wind    | .4 | baritone saxophone, bari sax, saxophone, sax
oboe         | 68  | 60 86 | wind    | .8 | oboe
bassoon      | 70  | 38 62 | wind    | .5 | bassoon
clarinet     | 71  | 52 86 | wind    | 1  | clarinet
piccolo      | 72  | 76 100 | wind   | .3 | piccolo
flute        | 73  | 62 93 | wind    | 4  | flute, solo flute, concert flute, transverse flute
recorder     | 74  | 64 91 | wind    | .5 | recorder, wooden flute
panflute     | 75  | 60 88 | wind    | .7 | pan flute, pan pipes, andean flute
shakuhachi   | 77  | 58 84 | wind    | .6 | shakuhachi, japanese flute, bamboo flute
whistle      | 78  | 69 94 | wind    | .4 | whistling, whistle
ocarina      | 79  | 66 91 | wind    | .4 | ocarina
square       | 80  | 55 91 | chip    | .8 | square wave, square lead, 8-bit lead, chip lead
saw          | 81  | 52 86 | synthlead | .8 | synth lead, saw lead, sawtooth synth, lead synth
newage       | 88  | 48 82 | pad     | .4 | new age pad, sparkling pad, crystal pad
warmpad      | 89  | 45 79 | pad     | .8 | synth pad, warm pad, pad
halo         | 94  | 48 79 | pad     | .4 | halo pad, airy pad
sitar        | 104 | 48 79 | sitar   | 4  | sitar, indian sitar
banjo        | 105 | 50 80 | banjo   | 1.5 | banjo, five string banjo
shamisen     | 106 | 50 79 | koto    | .5 | shamisen
koto         | 107 | 50 84 | koto    | 1  | koto, japanese koto, guzheng
kalimba      | 108 | 60 88 | mallets | .7 | kalimba, thumb piano, mbira
bagpipe      | 109 | 57 79 | pipes   | .8 | bagpipes, bagpipe
fiddle       | 110 | 55 84 | fiddle  | 1.5 | fiddle, folk fiddle, country fiddle
shanai       | 111 | 57 81 | wind    | .6 | shehnai, zurna, reed pipe
oud          | 106 | 43 69 | oud     | 1  | oud, lute, arabic lute
ukulele      | 24  | 60 81 | uke     | .8 | ukulele, uke
mandolin     | 25  | 64 90 | mando   | .7 | mandolin
steeldrum    | 114 | 55 86 | mallets | 1  | steel drums, steel pan, steelpan
taiko        | 116 | 36 60 | timp    | .4 | taiko drums, taiko
"""  # noqa: E501

_PATCHES = """
supersaw  | 55 86 | super     | 1   | supersaw, trance synth, big synth chords, synth
acid      | 33 57 | acid      | 1   | acid bass, 303 bass, acid synth, squelchy synth bass
wobble    | 28 45 | wobble    | .7  | wobble bass, dubstep bass, growl bass, wub bass
sub       | 28 45 | bassline  | .4  | 808 bass, sub bass, 808s, booming bass
sawbass   | 28 50 | bassline  | .5  | saw bass, analog synth bass, moog bass, synth bass
synpluck  | 55 88 | arp       | 1   | synth pluck, plucky synth, synth arpeggio, arpeggiated synth
synlead   | 45 81 | synthlead | 1   | analog synth lead, lead synth, synthesizer, synth solo, synth
chip      | 55 96 | chip      | .8  | 8-bit synth, chiptune lead, pulse wave, nes synth
softpad   | 45 79 | pad       | 1   | analog pad, synth pad, lush synth pad, synthesizer pad
fmbell    | 60 91 | bells     | .5  | fm bells, digital bells, synth bells
theremin  | 60 86 | wind      | .4  | theremin
drone     | 28 52 | drone     | .8  | drone, deep drone, humming drone
oohs      | 53 76 | voice     | 1.5 | voice oohs, wordless vocals, backing vocals, human voices, vocal harmonies
woman     | 57 74 | singer    | 4   | female vocals, woman singing, female voice, female singer, female vocalist
man       | 45 62 | singer    | 3   | male vocals, man singing, male voice, male singer, male vocalist
singers   | 53 76 | chorus    | 1.5 | group of singers, singers in harmony, vocal group, gospel singers
rapper    | 44 52 | rap       | 1.5 | rapper, man rapping, rap vocals, male rapper, rap verse
woman_rapper  | 52 60 | rap   | .7  | female rapper, woman rapping, female rap vocals
soprano_voice | 64 84 | voice | 2 | opera soprano, soprano voice, operatic soprano, female opera singer, soprano
tenor_voice   | 50 69 | voice | 1.5 | opera tenor, tenor voice, operatic tenor, male opera singer, tenor
"""  # noqa: E501

_EFFECTS = {
    "overdrive": ("drive",),
    "distortion": ("metal",),
    "clean": ("chorus",),
    "epiano": ("tremolo",),
    "hammond": ("rotary",),
    "rockorgan": ("rotary",),
    "softpad": ("chorus",),
    "synlead": ("chorus", "delay"),
}


def _read() -> dict[str, Instrument]:
    table: dict[str, Instrument] = {}
    for line in _TABLE.strip().splitlines():
        key, program, span, hand, weight, names = (part.strip() for part in line.split("|"))
        low, high = map(int, span.split())
        table[key] = Instrument(
            key,
            int(program),
            low,
            high,
            hand,
            tuple(names.split(", ")),
            effects=_EFFECTS.get(key, ()),
            solo_weight=float(weight),
        )
    for line in _PATCHES.strip().splitlines():
        key, span, hand, weight, names = (part.strip() for part in line.split("|"))
        low, high = map(int, span.split())
        table[key] = Instrument(
            key,
            -1,
            low,
            high,
            hand,
            tuple(names.split(", ")),
            patch=key,
            effects=_EFFECTS.get(key, ()),
            solo_weight=float(weight),
        )
    return table


INSTRUMENTS: dict[str, Instrument] = _read()

KITS: dict[str, int] = {
    "standard": 0,
    "room": 8,
    "power": 16,
    "electronic": 24,
    "tr808": 25,
    "jazz": 32,
    "brush": 40,
    "orchestra": 48,
    "machine": -1,
    "trapkit": -1,
}
"""Drum kits: programs of General MIDI's percussion bank; -1 is synthesised (`training.drums`)."""
