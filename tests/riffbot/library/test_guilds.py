"""What servers decide for themselves."""

from __future__ import annotations

import pytest

from riffbot.errors import BadRequest
from riffbot.library.guilds import NO_ROLE
from riffbot.library.store import Library
from riffbot.settings import Settings


async def test_a_server_that_never_chose_has_the_defaults(library: Library) -> None:
    settings = await library.guilds.get_settings(1)
    assert (settings.jam_steer, settings.jam_stop, settings.dj_role_id) == (
        "anyone",
        "anyone",
        None,
    )


async def test_what_is_not_given_stays(library: Library, settings: Settings) -> None:
    await library.guilds.set_settings(1, jam_stop="starter")
    await library.guilds.set_settings(1, jam_steer="dj", dj_role_id=7)
    await library.guilds.set_settings(2, jam_stop="anyone")
    other = await Library.open(settings)
    try:
        found = await other.guilds.get_settings(1)
        assert (found.jam_steer, found.jam_stop, found.dj_role_id) == ("dj", "starter", 7)
    finally:
        await other.close()
    await library.guilds.delete_settings(1)
    assert (await library.guilds.get_settings(1)).jam_steer == "anyone"
    assert (await library.guilds.get_settings(2)).jam_stop == "anyone"


async def test_djs_need_a_role(library: Library) -> None:
    with pytest.raises(BadRequest, match="DJ role"):
        await library.guilds.set_settings(1, jam_steer="dj")
    assert (await library.guilds.get_settings(1)).jam_steer == "anyone"


async def test_nonsense_is_refused(library: Library) -> None:
    with pytest.raises(BadRequest, match="anyone, dj, starter"):
        await library.guilds.set_settings(1, jam_steer="nobody")  # type: ignore[arg-type]


async def test_a_dj_role_goes_only_where_no_dj_decides(library: Library) -> None:
    await library.guilds.set_settings(1, jam_steer="dj", dj_role_id=7)
    with pytest.raises(BadRequest, match="DJs cannot decide"):
        await library.guilds.set_settings(1, dj_role_id=NO_ROLE)
    assert (await library.guilds.get_settings(1)).dj_role_id == 7
    found = await library.guilds.set_settings(1, jam_steer="anyone", dj_role_id=NO_ROLE)
    assert found.dj_role_id is None
    assert (await library.guilds.get_settings(1)).dj_role_id is None
