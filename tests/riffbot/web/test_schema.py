"""The page protocol: what the server says it sends is what the page's TypeScript expects."""

from __future__ import annotations

import runpy
from typing import get_type_hints

from riffbot.locations import ROOT
from riffbot.request import RiffRequest
from riffbot.web import schema


def test_the_typescript_types_are_those_that_the_schema_generates() -> None:
    generator = runpy.run_path(str(ROOT / "web" / "generate_types.py"))
    written = (ROOT / "web" / "src" / "shared" / "protocol.ts").read_text("utf-8")
    assert written == generator["generate"](), "run `python web/generate_types.py`"


def test_a_body_leaves_out_what_was_not_sent() -> None:
    body = schema.InpaintBody.model_validate({"prompt": "sax", "steps": 9, "mask": "data:"})
    assert body.options() == {"steps": 9}
    assert set(body.options()) <= set(RiffRequest.model_fields)


def test_every_event_of_a_job_has_its_data() -> None:
    assert list(get_type_hints(schema.JobEvents)) == ["queued", "step", "done", "failed"]
