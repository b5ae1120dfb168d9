"""/guide and /about."""

from __future__ import annotations

from cogs.guide._content import PAGES
from riffbot.images import Images
from riffbot.settings import Settings
from tests.support.simulated_discord import buttons, open_room


async def test_the_guide_turns_its_pages_there_and_back(settings: Settings) -> None:
    async with open_room(settings) as room:
        shown = (await room.ada.slash(room.channel, "guide")).response
        assert shown.ephemeral
        titles = [shown.embeds[0].title]
        for _ in PAGES[1:]:
            turned = await room.ada.click(shown.message, label="Next")
            titles.append(turned.response.embeds[0].title)
            shown = turned.response
        assert titles == [page.title for page in PAGES]
        assert "Next" not in buttons(shown)
        back = await room.ada.click(shown.message, label="Back")
        assert back.response.embeds[0].title == PAGES[-2].title


async def test_an_example_posts_a_riff_even_after_a_restart(settings: Settings) -> None:
    async with open_room(settings) as room:
        shown = (await room.ada.slash(room.channel, "guide")).response.message
        await room.restart()
        example = PAGES[0].examples[0]
        result = await room.ada.click(shown, label=example.label)
        assert not result.response.ephemeral
        assert result.response.embeds[0].title == example.prompt


async def test_every_example_is_a_valid_request_with_and_without_loops(settings: Settings) -> None:
    images = Images(settings.seed_images)
    nothing = Images(settings.data_dir)
    for page in PAGES:
        assert 1 <= len(page.examples) <= 4
        assert len(page.title) <= 256
        assert len(page.text) <= 4096
        for example in page.examples:
            request = example.request(images)
            assert (request.seed_image is not None) == (example.seed_image is not None)
            assert example.request(nothing).seed_image is None
            assert len(example.label) <= 80


async def test_about_names_the_model_and_what_is_stored(settings: Settings) -> None:
    async with open_room(settings) as room:
        said = (await room.ada.slash(room.channel, "about")).response
        assert said.ephemeral
        text = str(said.embeds[0].to_dict())
        assert "riffbot-tiny" in text
        assert "MIT" in text
        assert "What is stored" in text
        assert "Yours" in text
