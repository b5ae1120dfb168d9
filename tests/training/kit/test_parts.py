"""Parts keep to their limit, hold what matters first, and notice damage."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from training.kit import open_parts
from training.kit.parts import Item, TooLarge, fill, pack_tree, share_out, write_checksums

MIB = 1 << 20


def test_groups_begin_parts_and_fillers_take_the_room(tmp_path: Path) -> None:
    groups = [
        ("base", [Item("code", b"c" * 400_000), Item("model/weights", b"w" * 300_000)]),
        ("sounds", [Item(f"sounds/{n}", bytes(450_000)) for n in range(3)]),
    ]
    parts = share_out(groups, MIB)
    fill(parts, [Item(f"packed/{n}", bytes(250_000)) for n in range(9)])
    names = [[item.name for item in part.items] for part in parts]
    assert names == [
        ["code", "model/weights", "packed/0"],
        ["sounds/0", "sounds/1"],
        ["sounds/2", "packed/1", "packed/2"],
    ]
    paths = [part.write(tmp_path) for part in parts]
    assert [path.name for path in paths] == ["base.tar", "sounds.tar", "sounds-2.tar"]
    assert all(path.stat().st_size <= MIB for path in paths)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(TooLarge, match=r"large is 2\.0 MiB and does not fit into a part"):
        share_out([("base", [Item("large", bytes(2 * MIB))])], MIB)


@pytest.fixture
def packed(tmp_path: Path) -> list[Path]:
    """Two parts: an archive and a file."""
    file = tmp_path / "module.py"
    file.write_text("answer = 42\n")
    archive = pack_tree([("package/module.py", file)])
    groups = [("one", [Item("code.tar.xz", archive)]), ("two", [Item("deep/er/file", b"here")])]
    paths = [part.write(tmp_path) for part in share_out(groups, MIB)]
    write_checksums(paths, tmp_path)
    return paths


def test_any_of_the_parts_can_be_opened_and_again(
    packed: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "kit"
    assert open_parts.main([str(into), str(packed[1])]) == 0
    assert (into / "deep/er/file").read_bytes() == b"here"
    assert not (into / "code").exists()
    assert open_parts.main([str(into), *map(str, packed)]) == 0
    module = into / "code" / "package" / "module.py"
    assert module.read_text() == "answer = 42\n"
    module.write_text("mine\n")  # opened already: left alone
    assert open_parts.main([str(into), *map(str, packed)]) == 0
    assert module.read_text() == "mine\n"
    assert '"stage": "unpack"' in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damage_is_noticed(
    packed: list[Path], tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(packed[1].read_bytes())
    if damage == "cut":
        content = content[:1100]
    elif damage == "empty":
        content = bytearray()
    else:
        content[content.index(b"here")] ^= 1
    packed[1].write_bytes(content)
    assert open_parts.main([str(tmp_path / "kit"), *map(str, packed)]) == 1
    assert "two.tar" in capsys.readouterr().out
    assert (tmp_path / "kit" / "code").is_dir()  # the other part is opened all the same
    assert not (tmp_path / "kit" / "deep" / "er" / "file").exists()


def test_nothing_is_written_outside_the_kit(tmp_path: Path) -> None:
    part = share_out([("bad", [Item("../outside", b"x")])], MIB)[0].write(tmp_path)
    with pytest.raises(open_parts.Damaged, match="does not belong into the kit"):
        open_parts.open_part(part, tmp_path / "kit")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "link"])
def test_nor_is_anything_of_an_archive_in_a_part(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        entry = tarfile.TarInfo(name)
        if name == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(entry, io.BytesIO(b""))
    groups = [("one", [Item("code.tar.xz", stream.getvalue())])]
    paths = [part.write(tmp_path) for part in share_out(groups, MIB)]
    write_checksums(paths, tmp_path)
    assert open_parts.main([str(tmp_path / "kit"), *map(str, paths)]) != 0
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "kit" / "code" / "link").exists()


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    part = share_out([("one", [Item("a", b"1"), Item("b", b"2")])], MIB)[0]
    first = part.write(tmp_path).read_bytes()
    assert part.write(tmp_path).read_bytes() == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert tar.getnames() == ["MANIFEST.json", "a", "b"]
