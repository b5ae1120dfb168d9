"""Replaying: a stored riff again to the byte, and a downloaded file from its recipe."""

from __future__ import annotations

from riffbot.clips import recipes
from riffbot.clips.pricing import Pricing
from riffbot.composition import compose
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import GeneratedRiff, Requester
from riffbot.library.store import Library
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.settings import Settings


class Replayer:
    """Computes again what was computed before; stores nothing but restored source pictures."""

    def __init__(
        self,
        engine: Engine,
        library: Library,
        settings: Settings,
        images: Images,
        pricing: Pricing,
    ) -> None:
        self._engine = engine
        self._library = library
        self._settings = settings
        self._images = images
        self._pricing = pricing

    async def replay(self, riff_id: str) -> GeneratedRiff:
        """Compute a stored riff once more; nothing is stored. The picture is the same to the byte.

        Raises:
            NotFound: there is no such riff.
            BadRequest: it was made by a model that is not the one loaded.
            RiffBotError: as `ClipService.make`.
        """
        stored = await self._library.riffs.get(riff_id)
        riff = await self._replayed(stored.request, stored.batch)
        if riff.model_hash != stored.model_hash:
            raise BadRequest(
                f"The riff {riff_id} was made by the model {stored.model_name} "
                f"({stored.model_hash[:8]}); {riff.model_name} ({riff.model_hash[:8]}) would make "
                "another one of it."
            )
        return riff

    def read_recipe(self, data: bytes) -> recipes.Recipe:
        """The recipe in a downloaded clip. For a thread.

        Raises:
            BadRequest: the file holds no recipe.
        """
        recipe = recipes.read_recipe(data)
        if recipe is None:
            raise BadRequest(
                "That file holds no recipe: take a .png, .mp3 or .json that RiffBot made, as it "
                "was downloaded."
            )
        return recipe

    async def restore_sources(self, recipe: recipes.Recipe, *, author: Author) -> recipes.Recipe:
        """The recipe of a downloaded clip, ready to be made again here.

        Pictures that it starts from and that are gone are made again first, from the recipes that
        travel in the file, in their asker's turn like any other clip. `Recipe.differs` says so
        where one did not come out the same.

        Raises:
            NotFound: it starts from a picture that is gone and that nothing tells of.
            TooCostly: all of them together would take longer than one riff may.
            RiffBotError: as `ClipService.make`.
        """
        owner = requester_of(author)
        spent_s = 0.0

        async def again(older: recipes.Recipe) -> GeneratedRiff:
            nonlocal spent_s
            price = await self._pricing.price(older.request)
            spent_s += self._pricing.check(price, spent_s=spent_s) or 0.0
            # A batch that is never made here cannot be needed for an exact copy either.
            batch = older.batch if older.batch <= self._settings.max_batch else 1
            return await self._replayed(older.request, batch, owner)

        return await recipes.restore_sources(
            recipe,
            there=self._there,
            make=again,
            keep=lambda png: self._library.files.put(png, ".png"),
            loudness_lufs=self._settings.loudness_lufs,
        )

    def _there(self, ref: str) -> bool:
        try:
            self._images.load_any_width(ref)
        except NotFound:
            return False
        return True

    async def _replayed(
        self, request: RiffRequest, batch: int, owner: Requester | None = None
    ) -> GeneratedRiff:
        return await compose(
            request,
            self._images,
            lambda r, number, _: self._engine.submit(
                r, batch=batch, owner=owner, promised=number > 0
            ),
        )


def requester_of(author: Author) -> Requester:
    """An author as the engine's queue counts them."""
    return Requester(author.user_id, author.guild_id)
