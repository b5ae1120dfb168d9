"""A server's rules, met by members on every way that makes something."""

from __future__ import annotations

from typing import Any

import pytest

from riffbot.settings import Settings
from tests.support.simulated_discord import Room, _permissions, buttons, open_room


def boss_of(room: Room) -> Any:
    """A member who may manage the server."""
    role = room.guild.create_role("bosses", permissions=_permissions(manage_guild=True))
    return room.guild.add_member(room.env.create_user("zoe"), roles=[role])


async def set_rules(room: Room, **changes: object) -> None:
    await room.services.library.guilds.change_rules(room.guild.id, **changes)


def said(result: Any) -> str:
    """What a member was told alone."""
    sent = [*([result.response] if result.response is not None else []), *result.followups]
    return "\n".join(m.content for m in sent if m.ephemeral)


async def test_a_quota_holds_over_a_restart_and_is_given_back(settings: Settings) -> None:
    async with open_room(settings) as room:
        await set_rules(room, member_hour=2)
        await room.riff(count=2)
        refused = await room.riff()
        assert "2 riffs in any hour" in said(refused)
        assert "<t:" in said(refused)
        assert await room.services.library.riffs.count() == 2
        await room.restart()
        assert "2 riffs in any hour" in said(await room.riff())
        await room.ben.slash(room.channel, "riff", prompt="bells")  # somebody else's count
        assert await room.services.library.riffs.count() == 3


async def test_a_refused_word_on_every_way(settings: Settings) -> None:
    async with open_room(settings) as room:
        result = await room.riff()
        (riff,) = await room.services.library.riffs.recent()
        clip = result.response
        await set_rules(room, words=("bad",), word_action="refuse")
        opened = await room.ben.click(clip, custom_id=buttons(clip)["Remix…"])
        ways = [
            await room.riff("a (b4d:1.2) riff"),
            await room.riff("calm", negative="bаd"),
            await room.ada.slash(room.channel, "morph", first="calm", second="b.a.d"),
            await room.ada.slash(room.channel, "remix", prompt="BAD", riff=riff.id),
            await room.ada.slash(
                room.channel, "inpaint", prompt="baaad", riff=riff.id, where="first half"
            ),
            await room.ada.slash(room.channel, "extend", prompt="bad", seconds=6.0, riff=riff.id),
            await room.ben.submit_modal(opened, {"prompt": "bád", "denoising": "0.5"}),
        ]
        for number, way in enumerate(ways):
            assert "does not want one of these words" in said(way), number
        assert await room.services.library.riffs.count() == 1
        await room.riff("a badger")  # another word
        assert await room.services.library.riffs.count() == 2
        entries = await room.services.library.audit.recent(guild_id=room.guild.id)
        assert [one.subject for one in entries if one.action == "refused"] == ["bad"] * len(ways)
        # What was made before the list can be found, and not posted again.
        await set_rules(room, words=("funky",))
        shown = await room.ada.slash(room.channel, "library show", riff=riff.id)
        assert "does not want one of these words" in said(shown)
        clicked = await room.ada.click(clip, custom_id=buttons(clip)["New seed"])
        assert "does not want one of these words" in said(clicked)


async def test_a_warning_comes_with_the_riff(settings: Settings) -> None:
    async with open_room(settings) as room:
        await set_rules(room, words=("bad",), word_action="warn")
        result = await room.riff("a bad riff")
        assert "would rather not" in said(result)
        assert await room.services.library.riffs.count() == 1


async def test_channels_roles_sizes_and_blocks(settings: Settings) -> None:
    async with open_room(settings) as room:
        other = room.guild.create_text_channel("other")
        await set_rules(room, channels=(other.id,))
        assert f"<#{other.id}>" in said(await room.riff())
        role = room.guild.create_role("band")
        drummer = room.guild.add_member(room.env.create_user("kit"), roles=[role])
        await set_rules(room, channels=(), roles=(role.id,))
        assert "only" in said(await room.riff())
        await drummer.slash(room.channel, "riff", prompt="bells")
        await boss_of(room).slash(room.channel, "riff", prompt="bells")
        await set_rules(room, roles=(), max_clips=1, max_steps=2)
        assert "1 clip at most" in said(await room.riff(count=2))
        assert "2 steps at most" in said(await room.riff(steps=9))
        await room.riff("drums")
        newest = (await room.services.library.riffs.recent())[0]
        assert (newest.prompt, newest.request.steps) == ("drums", 2)
        await room.services.library.operator.block("member", room.ada.id)
        assert "does not let you" in said(await room.riff())
        await room.services.library.operator.unblock("member", room.ada.id)
        await room.services.library.operator.set_draining(True)
        assert "about to be restarted" in said(await room.riff())
        assert await room.services.library.riffs.count() == 3


async def test_fewer_steps_hold_for_older_riffs_and_before_the_model_is_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def newest_steps(room: Room) -> int | None:
        return (await room.services.library.riffs.recent())[0].request.steps

    async with open_room(settings) as room:
        clip = (await room.riff("calm", steps=9)).response
        await set_rules(room, max_steps=2)
        await room.ada.click(clip, custom_id=buttons(clip)["New seed"])
        assert await room.services.library.riffs.count() == 2
        assert await newest_steps(room) == 2
        monkeypatch.setattr(type(room.services.engine), "resolve", lambda *_: None)
        await room.riff("drums")
        assert await room.services.library.riffs.count() == 3
        assert await newest_steps(room) == 2


async def test_what_was_made_in_an_age_restricted_channel_stays_there(settings: Settings) -> None:
    async with open_room(settings) as room:
        late = room.guild.create_text_channel("late")
        await room.env.settle()
        known: Any = room.bot.get_channel(late.id)
        known.nsfw = True  # SimCord's channels cannot be born so
        made = (await room.ada.slash(late, "riff", prompt="velvet sax")).response
        (riff,) = await room.services.library.riffs.recent()
        for member, channel, is_found in (
            (room.ben, room.channel, False),
            (room.ben, late, True),
        ):
            page = await member.slash(channel, "library server")
            assert ("velvet" in str([e.description for e in page.response.embeds])) is (is_found)
        shown = await room.ada.slash(room.channel, "library show", riff=riff.id)
        assert "age-restricted" in said(shown)
        files = {f.filename: await f.read() for f in made.attachments}
        picture = ("a.png", files["riff.png"])
        again: dict[str, Any] = {"riff": riff.id, "prompt": "calm"}
        for number, (command, options) in enumerate(
            [
                ("remix", again),
                ("inpaint", again | {"where": "first half"}),
                ("extend", {"riff": riff.id, "seconds": 6.0}),
                ("morph", {"first": riff.id, "second": "calm"}),
                ("morph", {"first": "calm", "second": riff.id}),
                ("layer", {"riff": riff.id, "second": riff.id}),
                ("remix", {"upload": picture, "prompt": "calm"}),
                ("draw", {"picture": picture}),
                ("replay", {"file": picture}),
                ("library lineage", {"riff": riff.id}),
            ]
        ):
            refused = await room.ada.slash(room.channel, command, **options)
            assert "age-restricted" in said(refused), number
        alone = await room.ada.slash(room.channel, "library show", riff=riff.id, private=True)
        for label in ("New seed", "Again ×4", "Remix…"):
            clicked = await room.ada.click(alone.response, custom_id=buttons(alone.response)[label])
            assert "age-restricted" in said(clicked), label
        assert await room.services.library.riffs.count() == 1
        remixed = await room.ada.slash(late, "remix", **again)
        assert "age-restricted" not in said(remixed)
        assert await room.services.library.riffs.count() == 2


async def test_the_panel_changes_everything_and_only_managers_may(settings: Settings) -> None:
    async with open_room(settings) as room:
        boss, role = boss_of(room), room.guild.create_role("band")
        panel = (await boss.slash(room.channel, "server settings")).response
        assert set(buttons(panel)) == {
            "Where and who", "Quotas", "Sizes", "Words", "Jams", "Log and storage",
        }  # fmt: skip

        async def change(label: str, values: dict[str, Any]) -> Any:
            opened = await boss.click(panel, custom_id=buttons(panel)[label])
            return await boss.submit_modal(opened, values)

        await change("Where and who", {"channels": [room.channel], "roles": [role]})
        await change("Quotas", {"member_hour": "3", "server_day": "40"})
        await change("Sizes", {"max_clips": "2", "max_steps": "30"})
        await change("Words", {"word_action": ["refuse"], "words": "bad, very bad\nugly*"})
        await change("Log and storage", {"audit": [room.channel], "retention_days": "30"})
        rules = await room.services.library.guilds.get_rules(room.guild.id)
        assert (rules.channels, rules.member_hour, rules.server_day) == ((room.channel.id,), 3, 40)
        assert (rules.max_clips, rules.max_steps, rules.retention_days) == (2, 30, 30)
        assert rules.words == ("bad", "very bad", "ugly*")
        assert rules.audit_channel_id == room.channel.id
        refused = await change("Quotas", {"member_hour": "many"})
        assert "no whole number" in said(refused)
        refused = await change("Quotas", {"member_hour": "99999"})
        assert "“A member, in any hour” takes a number from 1 to 10,000" in said(refused)
        refused = await change("Sizes", {"max_clips": "0"})
        assert "“Clips of one command” takes a number from 1 to 4, not 0." in said(refused)
        refused = await change("Words", {"word_action": ["refuse"], "words": "-, bad"})
        assert "“-” is no word" in said(refused)
        assert (await room.services.library.guilds.get_rules(room.guild.id)).words == rules.words


@pytest.mark.parametrize("taken_back", [True, False])
async def test_the_dj_role_is_cleared_in_the_panel(settings: Settings, taken_back: bool) -> None:
    async with open_room(settings) as room:
        boss, role = boss_of(room), room.guild.create_role("DJ")
        shown = await boss.slash(room.channel, "server settings", jam_steer="dj", dj_role=role)
        panel = shown.response
        opened = await boss.click(panel, custom_id=buttons(panel)["Jams"])
        steer = "anyone" if taken_back else "dj"
        result = await boss.submit_modal(
            opened,
            {"jam_steer": [steer], "jam_stop": ["starter"], "dj_role": [], "hours": "18-23"},
        )
        found = await room.services.library.guilds.get_settings(room.guild.id)
        rules = await room.services.library.guilds.get_rules(room.guild.id)
        if taken_back:
            assert (found.jam_steer, found.jam_stop, found.dj_role_id) == (
                "anyone",
                "starter",
                None,
            )
            assert (rules.jam_from, rules.jam_until) == (18, 23)
        else:
            assert "no DJ role" in said(result)
            assert found.dj_role_id == role.id
            assert rules.jam_from is None
