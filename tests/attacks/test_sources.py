"""What the sources never do: unpickle, run a text as a program, write strangers' words as HTML."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from riffbot.inference.models.checkpoints import locate
from riffbot.locations import ROOT

PYTHON = [
    path for top in ("riffbot", "cogs", "audio") for path in sorted((ROOT / top).rglob("*.py"))
]
SCRIPTS = [
    path
    for top in ("web/src", "riffbot/web/static")
    for path in sorted((ROOT / top).rglob("*"))
    if path.suffix in {".ts", ".js", ".html"}
]
PROGRAMS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""Modules whose files may hold programs, which reading them runs."""

MARKUP = re.compile(
    r"(?:innerHTML|outerHTML)\s*\+?=|insertAdjacentHTML|document\.write|\beval\(|new Function"
)
OUR_OWN = re.compile(r'\$\("prompt-hint"\)\.innerHTML = this\.promptHint')
"""Markup of the page itself, which was taken out and is put back."""


def find_dangers(source: str) -> Iterator[str]:
    """What a module does that no module of ours may, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]}
        else:
            names = set()
        yield from (f"{node.lineno}: imports {name}" for name in names & PROGRAMS)
        if isinstance(node, ast.Call):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            called = ast.unparse(node.func)
            if called in {"eval", "exec", "os.system", "os.popen", "yaml.load"}:
                yield f"{node.lineno}: calls {called}"
            if called.endswith("torch.load") and given.get("weights_only") != "True":
                yield f"{node.lineno}: torch.load without weights_only"
            if given.get("shell", "False") != "False":
                yield f"{node.lineno}: a shell"
            if given.get("trust_remote_code", "False") != "False":
                yield f"{node.lineno}: code of a model's author"
            if given.get("allow_pickle", "False") != "False":
                yield f"{node.lineno}: numpy unpickles"


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_what_it_reads(path: Path) -> None:
    assert not list(find_dangers(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(given)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "subprocess.run(line, shell=True)",
        "AutoModel.from_pretrained(ref, trust_remote_code=True)",
        "np.load(file, allow_pickle=True)",
    ],
)
def test_each_danger_is_seen(source: str) -> None:
    assert list(find_dangers(source))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_writes_markup(path: Path) -> None:
    """Members' and visitors' words become text nodes; the policy forbids scripts in the page."""
    text = OUR_OWN.sub("", path.read_text("utf-8"))
    assert not MARKUP.findall(text)


def test_the_hub_is_asked_for_no_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(ref: str, *, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert locate("somebody/a-model") == tmp_path
    assert asked
    assert not [one for one in ("model.py", "unet/model.py", "x.ckpt") if matches(one, asked)]
    assert matches("unet/diffusion_pytorch_model.safetensors", asked)


def matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def test_npm_runs_no_scripts_of_packages() -> None:
    source = (ROOT / "web" / "build.py").read_text("utf-8")
    assert source.count('"ci"') == source.count('"ci", "--ignore-scripts"') > 0
