"""The page protocol: what the server says it sends is what the page's TypeScript expects."""

from __future__ import annotations

import runpy
from typing import get_type_hints

from riffbot.locations import ROOT
from riffbot.request import RiffRequest
from riffbot.web import bodies, schema


def test_what_the_page_shares_with_python_is_as_generated() -> None:
    generator = runpy.run_path(str(ROOT / "web" / "generate_types.py"))
    for name, text in generator["generate_all"]().items():
        written = (ROOT / "web" / "src" / "shared" / name).read_text("utf-8")
        assert written == text, "run `python web/generate_types.py`"


def test_a_body_leaves_out_what_was_not_sent() -> None:
    body = bodies.InpaintBody.model_validate({"prompt": "sax", "steps": 9, "mask": "data:"})
    assert body.options().as_fields() == {"prompt": "sax", "steps": 9}
    assert set(body.options().as_fields()) <= set(RiffRequest.model_fields)


def test_every_event_of_a_job_has_its_data() -> None:
    assert list(get_type_hints(schema.JobEvents)) == ["queued", "step", "done", "failed"]
