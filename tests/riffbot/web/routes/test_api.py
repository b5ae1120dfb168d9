"""The page's API through real HTTP, real engine, library, codec and files."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import update

from audio.files import read
from audio.image import decode_image
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.web import keys
from riffbot.web.errors import RateLimited
from tests.support.fake_pipeline import FakePipeline, drawn


async def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    """Ask for a riff and follow it to its end; the `done` or `failed` event's data."""
    answer = await client.post("/api/riffs", json=body)
    assert answer.status == 202, await answer.text()
    return (await follow(client, (await answer.json())["events"]))[-1][1]


async def follow(client: TestClient, events: str) -> list[tuple[str, Any]]:
    answer = await client.get("/" + events)
    assert answer.content_type == "text/event-stream"
    text = await answer.text()
    *blocks, end = text.split("\n\n")
    assert end == "", "the last event is whole"
    assert not blocks[-1].startswith(":"), "nothing beats behind the end"
    # A machine that is busy beats its heart in between, as comments of their own.
    blocks = [block.splitlines() for block in blocks if block != ": still here"]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]


async def test_a_riff_from_the_form_to_its_files(client: TestClient) -> None:
    riff = (await ask(client, prompt="funky (sax:1.3)", seed=42))["riff"]
    assert riff["request"]["seed"] == 42
    assert riff["page"] == f"riff/{riff['id']}"

    request = RiffRequest.build(**riff["request"])
    png = await (await client.get("/" + riff["files"]["png"])).read()
    assert (decode_image(png).pixels == drawn(request)).all()

    mp3 = await client.get("/" + riff["files"]["mp3"])
    assert mp3.content_type == "audio/mpeg"
    assert read(await mp3.read()).seconds == pytest.approx(riff["duration_s"], abs=0.01)

    recipe = await (await client.get("/" + riff["files"]["recipe"])).json()
    assert RiffRequest.build(**recipe["request"]) == request
    picture = await client.get("/" + riff["files"]["picture"])
    assert (await picture.read()).startswith(b"\x89PNG")


async def test_sound_can_be_sought_and_downloaded(client: TestClient) -> None:
    riff = (await ask(client, prompt="Ünïque (beats:1.2)!", seed=1))["riff"]
    part = await client.get("/" + riff["files"]["mp3"], headers={"Range": "bytes=10-19"})
    assert part.status == 206
    assert len(await part.read()) == 10
    saved = await client.get("/" + riff["files"]["png"] + "?download")
    assert "beats-1.png" in saved.headers["Content-Disposition"]


async def test_ones_own_riff_is_followed_however_much_its_network_reads(
    client: TestClient, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise RateLimited("Please wait a moment.")

    monkeypatch.setattr(client.app[keys.READ_LIMIT], "take", refuse)
    assert (await client.get("/api/riffs")).status == 429
    assert "riff" in await ask(client, prompt="mine", seed=1)
    pipeline.gate.clear()
    job = (await (await client.post("/api/riffs", json={"prompt": "slow"})).json())["job"]
    assert (await client.delete(f"/api/jobs/{job}", json={})).status == 200
    assert (await client.get("/api/jobs/nosuch/events")).status == 429


async def test_progress_comes_with_previews(client: TestClient, pipeline: FakePipeline) -> None:
    pipeline.gate.clear()
    answer = await client.post("/api/riffs", json={"prompt": "slow", "seed": 1})
    stream = await client.get("/" + (await answer.json())["events"])
    first = await stream.content.readuntil(b"\n\n")
    assert first.startswith(b"event: queued\n")
    pipeline.gate.set()
    rest = await stream.text()
    assert rest.rstrip().rpartition("\n\n")[2].startswith("event: done\n")


async def test_a_riff_can_be_taken_back(client: TestClient, pipeline: FakePipeline) -> None:
    pipeline.gate.clear()
    answer = await (await client.post("/api/riffs", json={"prompt": "never", "seed": 1})).json()
    headers = {"Content-Type": "application/json"}
    assert (await client.delete(f"/api/jobs/{answer['job']}", headers=headers)).status == 200
    name, data = (await follow(client, answer["events"]))[-1]
    assert (name, data["cancelled"]) == ("failed", True)
    pipeline.gate.set()
    assert (await (await client.get("/api/riffs")).json())["riffs"] == []


async def test_what_only_the_model_can_tell_comes_as_an_event(client: TestClient) -> None:
    assert "multiple of 16" in (await ask(client, prompt="x", width=65))["error"]


async def test_the_last_riffs_by_pages(client: TestClient) -> None:
    made = [(await ask(client, prompt=f"riff {n}", seed=n))["riff"]["id"] for n in range(3)]
    first = await (await client.get("/api/riffs?limit=2")).json()
    assert [riff["id"] for riff in first["riffs"]] == made[:0:-1]
    second = await client.get("/api/riffs", params={"limit": "2", "before": first["next"]})
    listing = await second.json()
    assert [riff["id"] for riff in listing["riffs"]] == made[:1]
    assert listing["next"] is None
    one = await (await client.get(f"/api/riffs/{made[0]}")).json()
    assert one["riff"] == listing["riffs"][0]


async def test_a_remix_starts_from_a_riff_and_knows_it(client: TestClient) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    second = await ask(
        client, prompt="second", seed=2, seed_image=first["picture_ref"], parent=first["id"]
    )
    assert second["riff"]["parent"] == first["id"]
    assert second["riff"]["request"]["seed_image"] == first["picture_ref"]


async def test_what_the_form_needs_to_know(client: TestClient) -> None:
    info = await (await client.get("/api/info")).json()
    assert [seed["name"] for seed in info["seed_images"]] == ["beat"]
    assert info["seed_images"][0]["words"] == "2 beats at 93.8 bpm. Dry."
    assert info["seed_images"][0]["label"] == "Plain beat, 93.8 bpm"
    assert info["seed_images"][0]["bpm"] == 93.75
    assert info["model"]["state"] in ("loading", "ready")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"prompt": ""}', "empty"),
        (b'{"prompt": "x", "denoising": 1.7}', "Denoising must be 1 or less"),
        (b'{"prompt": "(x:1e9)"}', "weight"),
        (b'{"prompt": "()"}', "empty between its brackets"),
        (b'{"prompt": "x", "seed": "7"}', "The seed must be a whole number, not “7”."),
        (b'{"prompt": "x", "steps": 2.5}', "The steps must be a whole number, not 2.5."),
        (b'{"prompt": "x", "guidance": true}', "guidance must be a number"),
        (b'{"prompt": "x", "seed_image": "no_such"}', "no_such"),
        (b'{"prompt": "x", "seed_image": "../../etc/passwd"}', "seed image"),
        (b'{"prompt": "x", "colour": "red"}', "colour"),
        (b'{"prompt": "x", "parent": 7}', "parent"),
        (b"[]", "object"),
        (b"nonsense", "JSON"),
        (b"[" * 60000, "JSON"),
    ],
)
async def test_nonsense_is_answered_at_once_in_a_sentence(
    client: TestClient, body: bytes, words: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/riffs", data=body, headers=headers)
    assert answer.status in (400, 404)
    refusal = await answer.json()
    assert words in refusal["error"]
    assert "\n" not in refusal["error"]


async def test_a_riff_knows_its_family(client: TestClient) -> None:
    first = (await ask(client, prompt="one", seed=1))["riff"]
    second = (await ask(client, prompt="two", seed=2, parent=first["id"]))["riff"]
    third = (await ask(client, prompt="three", seed=3, parent=second["id"]))["riff"]
    family = await (await client.get(f"/api/riffs/{second['id']}")).json()
    assert [riff["id"] for riff in family["parents"]] == [first["id"]]
    assert [riff["id"] for riff in family["children"]] == [third["id"]]


async def test_a_riff_from_before_a_restart_is_found_again(
    services: Services, client: TestClient, pipeline: FakePipeline
) -> None:
    page, discord = Author(0, "you"), Author(5, "Ann", 7)
    jobs = [
        await services.library.jobs.create(RiffRequest(prompt=f"{n}"), author=page)
        for n in range(3)
    ]
    theirs = await services.library.jobs.create(
        RiffRequest(prompt="theirs"), author=discord, origin=Origin(channel_id=3)
    )
    assert (await client.get(f"/api/jobs/{theirs.id}/events")).status == 404
    assert (await client.get("/api/jobs/nosuchjob/events")).status == 404

    async def followed(job_id: str) -> str:
        async with client.get(f"/api/jobs/{job_id}/events") as events:
            assert events.status == 200
            return (await events.read()).decode()

    following = [asyncio.create_task(followed(job.id)) for job in jobs]
    await asyncio.sleep(0.1)
    made = await services.clip_service.resume(jobs[0])  # as the start does
    await services.library.jobs.fail(jobs[1].id, "It broke.")
    assert (await client.delete(f"/api/jobs/{jobs[2].id}", json={})).status == 200
    done, failed, cancelled = await asyncio.gather(*following)
    assert "event: queued" in done
    assert f'"id": "{made.id}"' in done
    assert "It broke." in failed
    assert '"cancelled": true' in cancelled
    assert (await services.library.jobs.get(jobs[2].id)).state == "cancelled"


async def test_an_unknown_parent_is_told(client: TestClient) -> None:
    answer = await client.post("/api/riffs", json={"prompt": "x", "parent": "nobody"})
    assert answer.status == 404
    assert "not in the library" in (await answer.json())["error"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nowhere", 404),
        ("/api/riffs/nobody", 404),
        ("/api/jobs/nobody/events", 404),
        ("/api/riffs?limit=0", 400),
        ("/api/riffs?limit=1e3", 400),
        ("/api/riffs?before=yesterday", 400),
        ("/static/..%2f..%2fapp.py", 404),
        ("/static/../app.py", 404),
        ("/api/riffs/..%2f..%2f/clip.mp3", 404),
    ],
)
async def test_every_error_is_one_json_sentence(
    client: TestClient, address: str, status: int
) -> None:
    answer = await client.get(address)
    assert answer.status == status
    assert (await answer.json())["error"].endswith(".")


async def test_files_beside_the_four_are_not_there(client: TestClient) -> None:
    riff = (await ask(client, prompt="x", seed=1))["riff"]
    answer = await client.get(f"/api/riffs/{riff['id']}/riffbot.db")
    assert answer.status == 404


async def test_health_and_metrics(client: TestClient) -> None:
    await ask(client, prompt="x", seed=1)
    health = await client.get("/healthz")
    assert (health.status, await health.json()) == (200, {"ok": True, "engine": "ready"})
    text = await (await client.get("/metrics")).text()
    assert "\nriffbot_clips_total 1.0\n" in text
    assert "\nriffbot_library_riffs 1.0\n" in text


async def test_a_broken_model_is_ill(services: Services, client: TestClient) -> None:
    await services.engine.close()
    assert (await client.get("/healthz")).status == 503
    answer = await client.post("/api/riffs", json={"prompt": "x"})
    assert answer.status >= 400
    assert (await answer.json())["error"].endswith(".")


async def test_a_riff_that_its_author_keeps_is_kept_from_the_page(
    services: Services, client: TestClient
) -> None:
    kept = (await ask(client, prompt="first", seed=1))["riff"]
    async with services.library._database.write() as session:
        await session.execute(update(StoredRiff).values(author_id=7, remix_allowed=False))
    for body in (
        {"prompt": "x", "seed_image": kept["picture_ref"]},
        {"prompt": "x", "parent": kept["id"]},
    ):
        answer = await client.post("/api/riffs", json=body)
        assert answer.status == 400
        assert "keeps it" in (await answer.json())["error"]
