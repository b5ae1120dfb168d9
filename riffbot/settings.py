"""Settings: read once from the environment and `.env`, then passed to whoever needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from riffbot.errors import BadRequest

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: models/, seed_images/ and migrations/ lie beside the package."""

Network = IPvAnyNetwork
"""A network, or a single address as a network of one."""


class Settings(BaseSettings):
    """Everything an owner can set; `.env.example` documents each (a test keeps the two equal)."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_prefix="RIFFBOT_",
        env_ignore_empty=True,  # `DISCORD_TOKEN=` means no token, not an empty one
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    discord_token: SecretStr | None = Field(default=None, validation_alias="DISCORD_TOKEN")
    data_dir: Path = Path("data")
    database_url: str | None = None
    retention_days: int = Field(default=0, ge=0, le=36500)

    model: str = str(ROOT / "models" / "riffbot-mini")
    device: str = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    allow_any_model: bool = False
    loras: list[Path] = []
    seed_images: Path = ROOT / "seed_images"

    max_batch: int = Field(default=4, ge=1, le=64)
    max_wait_s: float = Field(default=600.0, gt=0)
    max_job_s: float = Field(default=1800.0, gt=0)
    max_jobs_per_member: int = Field(default=10, ge=1)

    page_jams: int = Field(default=2, ge=0, le=64)
    page_listeners: int = Field(default=250, ge=1, le=10_000)
    page_connections: int = Field(default=1000, ge=16, le=100_000)
    page_connections_per_address: int = Field(default=128, ge=4, le=100_000)
    cors_origins: list[str] = []
    activity_client_id: str | None = Field(default=None, pattern=r"^\d{15,21}$")
    activity_client_secret: SecretStr | None = None

    jam_leave_s: float = Field(default=300.0, ge=0)

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    web_port: int = Field(default=0, ge=0, le=65535)
    open_browser: bool = True
    public_url: str | None = None
    trusted_proxies: tuple[Network, ...] = ()

    loudness_lufs: float = Field(default=-14.0, ge=-40.0, le=-5.0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_file: Path | None = None

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            parts = urlsplit(given)
            whole = bool(parts.hostname) and (parts.port or True)
        except ValueError:
            whole = False
        if not whole or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
            raise ValueError("it is an address such as https://riffs.example/")
        return f"{given.rstrip('/')}/"

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the library; SQLite in the data folder unless told otherwise."""
        return (
            self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'riffbot.db').absolute()}"
        )

    @property
    def files_dir(self) -> Path:
        """Where the content-addressed files lie."""
        return self.data_dir / "files"


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        BadRequest: one sentence naming the setting that is wrong.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "a setting"
        prefix = "" if name == "DISCORD_TOKEN" else "RIFFBOT_"
        raise BadRequest(
            f"The setting {prefix}{name} is wrong ({first['msg'].lower()}); see .env.example."
        ) from error
    except SettingsError as error:  # a list that is no JSON
        raise BadRequest(
            f'The settings cannot be read ({error}); a JSON list looks like ["a", "b"], '
            "see .env.example."
        ) from error
