"""What earlier versions stored of a jam is read, and written again, to the byte."""

from __future__ import annotations

import json

import pytest

from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.excerpt import ExcerptRecipe
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.snapshot import JamSnapshot, scrub_jam

PLAYING = (
    '{"version":1,"now":{"walk":{"seed_image":"beat","here":{"prompt":"funky sax","seed":5,'
    '"denoising":0.75},"there":{"prompt":"funky sax","seed":6,"denoising":0.75},"at":0.25,'
    '"ahead":[0.5,0.75,1.0],"chunk":2,"negative":"drums","guidance":7.0,"steps":null,'
    '"scheduler":null},"start":128},"coming":{"walk":{"seed_image":"beat","here":{"prompt":'
    '"funky sax","seed":5,"denoising":0.75},"there":{"prompt":"church bells (loud:1.2)","seed":6,'
    '"denoising":0.85},"at":0.25,"ahead":[0.625,1.0],"chunk":2,"negative":"drums","guidance":7.0,'
    '"steps":null,"scheduler":null},"start":224},"at":192,"heard":5,"ballot":{"votes":[{"user_id":'
    '1,"name":"Ann","prompt":"funky sax","cast_s":0.0},{"user_id":2,"name":"Bob","prompt":'
    '"church bells (loud:1.2)","cast_s":2.5}]},"steered_by":[2,"Bob"],"sound":{"stream":{},'
    '"leveller":{}}}'
)
BEGUN = (
    '{"version":1,"now":{"walk":{"seed_image":"beat","here":{"prompt":"sax","seed":0,"denoising":'
    '0.75},"there":{"prompt":"sax","seed":1,"denoising":0.75},"at":0.0,"ahead":[0.0,0.25,0.5,'
    '0.75,1.0],"chunk":0,"negative":"","guidance":null,"steps":null,"scheduler":null},"start":0},'
    '"coming":null,"at":0,"heard":0,"ballot":{"votes":[]},"steered_by":null,"sound":null}'
)
EXCERPT = (
    '{"width":128,"beats":4,"measure":4,"phase":64,"columns":300,"chunks":[{"from":-64,"request":'
    '{"prompt":"funky sax","negative":"drums","seed":5,"seed_image":"beat","denoising":0.75,'
    '"guidance":7.0,"width":128,"target":{"prompt":"funky sax","negative":"drums","seed":6,'
    '"denoising":0.75},"alpha":0.5}},{"from":32,"request":{"prompt":"funky sax","negative":'
    '"drums","seed":5,"seed_image":"beat","denoising":0.75,"guidance":7.0,"width":128,"target":'
    '{"prompt":"church bells (loud:1.2)","negative":"drums","seed":6,"denoising":0.85},'
    '"alpha":0.625}}]}'
)


@pytest.mark.parametrize("stored", [PLAYING, BEGUN])
def test_a_stored_jam_is_read_and_written_to_the_byte(stored: str) -> None:
    assert JamSnapshot.from_json(stored).model_dump_json() == stored


def test_a_stored_jam_means_what_it_meant() -> None:
    snapshot = JamSnapshot.from_json(PLAYING)
    path = snapshot.current.path
    assert (path.start.seed, path.end.seed, path.position, path.chunk_number) == (5, 6, 0.25, 2)
    assert path.remaining == (0.5, 0.75, 1.0)
    assert (snapshot.current.start, snapshot.column, snapshot.packets_heard) == (128, 192, 5)
    assert snapshot.upcoming is not None
    assert snapshot.upcoming.path == path.steer(prompt="church bells (loud:1.2)", denoising=0.85)
    assert snapshot.upcoming.start == 224
    assert snapshot.steered_by == (2, "Bob")
    assert [vote.name for vote in snapshot.ballot.votes] == ["Ann", "Bob"]
    assert snapshot.sound_state == {"stream": {}, "leveller": {}}


def test_a_member_is_scrubbed_from_a_stored_jam_and_nothing_else_is() -> None:
    scrubbed = scrub_jam(PLAYING, 2)
    assert scrubbed is not None
    assert "Bob" not in scrubbed
    before, after = json.loads(PLAYING), json.loads(scrubbed)
    assert after["ballot"]["votes"] == before["ballot"]["votes"][:1]
    assert after["steered_by"] is None
    before.update(ballot=after["ballot"], steered_by=None)
    assert after == before
    assert scrub_jam(PLAYING, 3) == PLAYING
    assert scrub_jam('{"version":9}', 1) is None
    assert scrub_jam("{", 1) is None


def test_what_begins_is_written_as_it_always_was() -> None:
    path = PromptPath.begin(ChunkOptions(prompt="sax"), seed_image="beat")
    assert JamSnapshot.begin(path).model_dump_json() == BEGUN


def test_the_recipe_of_an_excerpt_is_read_and_written_to_the_byte() -> None:
    recipe = ExcerptRecipe.from_json(json.loads(EXCERPT))
    assert (recipe.loop_grid.width, recipe.phase, recipe.columns) == (128, 64, 300)
    written = json.dumps(recipe.to_json(), ensure_ascii=False, separators=(",", ":"))
    assert written == EXCERPT
