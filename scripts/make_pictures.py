"""Makes what the documentation shows and needs no browser: pictures, and clips to listen to.

    .venv/bin/python scripts/make_pictures.py

A few members of an invented server make riffs of each other's, through the very services that the
bot uses, in an empty data folder. RIFFBOT_MODEL and the other settings hold as always.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from riffbot.clips import edits
from riffbot.clips.clip import Clip
from riffbot.clips.edits import EditSource
from riffbot.clips.lineage import draw_family_tree
from riffbot.clips.sources import load_edit_source
from riffbot.generation_options import GenerationOptions
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.services import Services, open_services
from riffbot.settings import load_settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
ANN, BOB, CY = (Author(number, name) for number, name in enumerate(("Ann", "Bob", "Cy"), start=1))


async def family(services: Services) -> bytes:
    """Six riffs, one of them of two parents, and their tree as a PNG."""
    clip_service, library = services.clip_service, services.library
    make = clip_service.make

    async def begin(clip: Clip) -> EditSource:
        return await load_edit_source(
            clip_service, services.images, await library.riffs.get(clip.id)
        )

    first = await make(RiffRequest(prompt="funky saxophone riff", seed=1), author=ANN)
    start, parent = await begin(first), first.id
    bells = await make(
        edits.remix(
            start, GenerationOptions(prompt="church bells, warm pad", denoising=0.7, seed=2)
        ),
        author=BOB,
        parent=parent,
    )
    await make(edits.extend(start, GenerationOptions(seed=3), bars=2), author=BOB, parent=parent)
    await make(
        edits.inpaint(start, GenerationOptions(prompt="drum fill", seed=4), where="second half"),
        author=ANN,
        parent=parent,
    )
    rung = await begin(bells)
    await make(
        edits.remix(rung, GenerationOptions(prompt="steel drums", seed=5)),
        author=CY,
        parent=bells.id,
    )
    await make(edits.layer(rung, start), author=CY, parent=bells.id, second_parent=parent)
    found = await library.riffs.family(parent)
    return draw_family_tree(found, clip_service.importer.thumbnails(found.members))


async def sounds(services: Services, reggae: Clip) -> dict[str, bytes]:
    """The clips of docs/index.md as MP3s, by their names there."""
    make = services.clip_service.make
    saxophone = await make(RiffRequest(prompt="funky (saxophone:1.3) riff", seed=42), author=ANN)
    piano = await make(RiffRequest(prompt="lo-fi piano with rain", seed=7), author=BOB)
    row = await services.library.riffs.get(reggae.id)
    start = await load_edit_source(services.clip_service, services.images, row)
    bells = await make(
        edits.remix(
            start, GenerationOptions(prompt="church bells, warm pad", denoising=0.7, seed=2)
        ),
        author=CY,
        parent=reggae.id,
    )
    clips = {"saxophone": saxophone, "piano": piano, "reggae": reggae, "bells": bells}
    return {f"{name}.mp3": clip.mp3 for name, clip in clips.items()}


async def main() -> None:
    """Save docs/img/riff.png, docs/img/family.png and docs/audio/*.mp3."""
    with tempfile.TemporaryDirectory(prefix="riffbot-", ignore_cleanup_errors=True) as data:
        settings = load_settings().model_copy(update={"data_dir": Path(data)})
        async with open_services(settings) as services:
            asked = RiffRequest(
                prompt="reggae with a (trumpet:1.2)", seed_image="island_sun", seed=3
            )
            riff = await services.clip_service.make(asked, author=ANN)
            made = {
                "img/riff.png": riff.picture,
                "img/family.png": await family(services),
                **{f"audio/{n}": mp3 for n, mp3 in (await sounds(services, riff)).items()},
            }
    for name, content in made.items():
        await asyncio.to_thread((DOCS / name).write_bytes, content)
        print(f"saved docs/{name}")


if __name__ == "__main__":
    asyncio.run(main())
