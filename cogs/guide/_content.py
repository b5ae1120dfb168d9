"""The text of /guide: six pages, each with examples that post a riff on a click."""

from __future__ import annotations

from dataclasses import dataclass

from riffbot.clips.denoising_advice import LEAP, RECOLOUR, RETHINK
from riffbot.images import Images
from riffbot.request import DEFAULT_DENOISING, RiffRequest


@dataclass(frozen=True)
class Example:
    """A button that generates a riff.

    Attributes:
        label: the button's label.
        prompt, negative, bpm, denoising, key, chords: fields of the request.
        seed_image: index of a bundled seed image to start from; None starts from noise.
    """

    label: str
    prompt: str
    negative: str = ""
    bpm: float | None = None
    seed_image: int | None = None
    denoising: float = DEFAULT_DENOISING
    key: str | None = None
    chords: str | None = None

    def request(self, images: Images) -> RiffRequest:
        """The request, with a new seed each time; without seed images it starts from noise."""
        names, index = images.names(), self.seed_image
        name = names[index % len(names)] if index is not None and names else None
        return RiffRequest.build(
            prompt=self.prompt,
            negative=self.negative,
            bpm=self.bpm,
            denoising=self.denoising,
            seed_image=name,
            key=self.key,
            chords=self.chords,
        )


def _variation(title: str, denoising: float) -> Example:
    """The same prompt and seed image at another denoising, which the label names."""
    label = f"{title}: {denoising:g}"
    return Example(label, "bright synthesizer lead", seed_image=0, denoising=denoising)


@dataclass(frozen=True)
class Page:
    """One page of the guide."""

    title: str
    text: str
    examples: tuple[Example, ...]


PAGES = (
    Page(
        "Say what you want to hear",
        "Name styles, instruments, places, moods, even weather, and mix them freely: a *funky "
        "saxophone*, an *arabic violin over a slow beat*, *church bells in the rain*.\n\n"
        "Plain and concrete works best. Words that RiffBot never learnt often work as well, "
        "because it goes by what they mean.\n\n"
        "Type `/riff` and your words after `prompt`. The clip is a loop: it goes round without "
        "a gap.",
        (
            Example("Funky sax", "funky saxophone riff"),
            Example("Rainy bells", "church bells in the rain, ambient"),
            Example("Jamaican dub", "jamaican dub, deep bass, offbeat guitar"),
        ),
    ),
    Page(
        "Lean on a word",
        "Brackets tell which words matter more:\n"
        "`(vocals:1.2)`  weighs them 1.2 times\n"
        "`(vocals)`  a little more, 1.1 times\n"
        "`[vocals]`  a little less, divided by 1.1\n"
        "They nest, and `\\(` is a plain bracket. Stay between 0.5 and 1.6: far beyond, sound "
        "falls apart.\n\n"
        "What you do **not** want goes into `negative`, and weights work there too.",
        (
            Example("More piano", "jazz trio, (piano:1.5), soft drums"),
            Example("Less piano", "jazz trio, (piano:0.5), soft drums"),
            Example("No drums", "jazz trio, piano", negative="(drums:1.3), percussion"),
        ),
    ),
    Page(
        "One prompt, endless takes",
        "Every riff tells its **seed**. The same seed with the same settings gives the same riff "
        "again, to the pixel; another seed gives another take.\n\n"
        "🎲 **New seed** plays it once more in another way, 🔁 **Again ×4** makes four takes, and "
        "`count` asks for several at once. Found one you like? Keep its seed and change one word.",
        (
            Example("A techno take", "driving techno, acid bass line", bpm=128),
            Example("A lo-fi take", "lo-fi hip hop, mellow electric piano", bpm=84),
        ),
    ),
    Page(
        "Start from a loop",
        "A **seed image** is a loop to start from. It locks in the tempo and the overall feel, so "
        "riffs from one seed image fit together.\n\n"
        "The closer your words are to the loop in spirit and in tempo, the better: a fast genre "
        "on a slow loop comes out tired and generic. `tempo` sets the beats a minute where there "
        "is no seed image.",
        (
            Example("On a loop", "funk guitar and clavinet", seed_image=0),
            Example("Same loop, strings", "warm string quartet", seed_image=0),
            Example("Another loop", "marimba and hand drums", seed_image=1),
        ),
    ),
    Page(
        "How far to go",
        "**Denoising** says how far a riff may leave its seed image: 0 gives the image back, 1 "
        f"forgets it. At {RETHINK:g} most prompts keep the beat. Above, RiffBot grows bolder, and "
        "soon tempo and rhythm go astray, which can be just the fun.\n\n"
        "🎛️ **Remix…** under any riff does the same with that riff as the start: "
        f"{RECOLOUR:g} recolours it, {RETHINK:g} rethinks it, {LEAP:g} keeps a memory of it.\n\n"
        "`/jam start` puts all of this into your voice channel, without an end: **Wilder** and "
        "**Tamer** on its panel are denoising, and everybody's `/jam prompt` is a vote.",
        (
            _variation("A new colour", RECOLOUR),
            _variation("A rethink", RETHINK),
            _variation("A leap", LEAP),
        ),
    ),
    # Posted buttons name their page by its number: a new page comes last.
    Page(
        "Say the key and the chords",
        "`key: A minor` and `chords: Am7 D7 Gmaj7` decide the notes; in a prompt write *in A "
        "minor* or *ii-V-I in Bb*. (A model that knows neither says so and plays without.)\n\n"
        "Every chord is one measure, and a dot holds the chord before: `Am7 . D7 .` Between bars "
        "they share a measure: `Am7 D7 | Gmaj7`. Numerals such as `I V vi IV` follow the key.\n\n"
        "A remix, an extension and a jam stay in their key until you say another; `key: any` "
        "leaves it open again. `/jam key` moves a whole jam.",
        (
            Example("In A minor", "lo-fi hip hop, mellow electric piano", key="A minor"),
            Example("ii–V–I", "swing trio, walking bass", key="Bb major", chords="ii7 V7 Imaj7 ."),
            Example("Four chords", "pop anthem, bright guitars", key="D major", chords="I V vi IV"),
        ),
    ),
)
