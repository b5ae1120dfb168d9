"""Settings: read once from the environment and `.env`, then passed to whoever needs them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from riffbot.errors import BadRequest
from riffbot.locations import (
    DATABASE_FILE,
    bundled,
    default_data_dir,
    settings_example,
    settings_files,
)

Network = IPvAnyNetwork
"""A network, or a single address as a network of one."""

_SQLITE_HEAD = b"SQLite format 3\0"


class Settings(BaseSettings):
    """Everything an owner can set; `.env.example` documents each (a test keeps the two equal)."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8-sig",
        env_prefix="RIFFBOT_",
        env_ignore_empty=True,  # `DISCORD_TOKEN=` means no token, not an empty one
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    discord_token: SecretStr | None = Field(default=None, validation_alias="DISCORD_TOKEN")
    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: str | None = None
    retention_days: int = Field(default=0, ge=0, le=36500)

    model: str = str(bundled("models") / "riffbot-mini")
    device: str = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    allow_any_model: bool = False
    loras: list[Path] = []
    seed_images: Path = bundled("seed_images")

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
    log_format: Literal["text", "json"] = "text"
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

    @field_validator("data_dir", "seed_images", "model", "log_file")
    @classmethod
    def _at_home(cls, given: Path | str | None) -> Path | str | None:
        """`~` is the home folder, unless a folder of that very name is there."""
        if given is None:
            return None
        expanded = _expanded(str(given))
        return expanded if isinstance(given, str) else Path(expanded)

    @field_validator("loras")
    @classmethod
    def _all_at_home(cls, given: list[Path]) -> list[Path]:
        return [Path(_expanded(str(path))) for path in given]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that may be written nowhere: tokens, and the database's password."""
        kept = (self.discord_token, self.activity_client_secret)
        found = [secret.get_secret_value() for secret in kept if secret is not None]
        with suppress(ValueError):
            password = urlsplit(self.database_url or "").password
            found += [password, unquote(password)] if password else []
        return tuple(secret for secret in found if secret)

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the library; SQLite in the data folder unless told otherwise.

        In the URL the path is quoted, as `?` and `%` mean something else there.
        """
        return self.database_url or f"sqlite+aiosqlite:///{quote(str(self.database_file))}"

    @property
    def database_file(self) -> Path:
        """Where the SQLite library lies, absolute, if it is in a file at all.

        Earlier versions put it elsewhere where the data folder's path held `?` or `%`, which is
        where it stays if it exists.
        """
        path = (self.data_dir / DATABASE_FILE).absolute()
        older = Path(unquote(str(path).partition("?")[0]))
        return older if older != path and not path.exists() and _is_sqlite(older) else path

    @property
    def files_dir(self) -> Path:
        """Where the content-addressed files lie."""
        return self.data_dir / "files"


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        BadRequest: one sentence naming the setting that is wrong, or `.env` if it is no text.
    """
    files = tuple(path for path in settings_files() if _is_text_file(path))
    try:
        return Settings(**{"_env_file": files, **overrides})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "a setting"
        prefix = "" if name == "DISCORD_TOKEN" else "RIFFBOT_"
        raise BadRequest(
            f"The setting {prefix}{name} is wrong ({_lowered(first['msg'])}); "
            f"see {settings_example()}."
        ) from error
    except SettingsError as error:  # a list that is no JSON
        raise BadRequest(
            f'The settings cannot be read ({error}); a JSON list looks like ["a", "b"], '
            f"see {settings_example()}."
        ) from error


def _lowered(message: str) -> str:
    """Pydantic's complaint, to stand within a sentence; our own words keep their capitals."""
    ours = message.removeprefix("Value error, ")
    return ours if ours != message else message.lower()


def _is_text_file(path: Path) -> bool:
    """Whether there is a `.env` to read; a pipe or a folder of that name is none.

    Raises:
        BadRequest: it cannot be read as text; one sentence that says what to do.
    """
    try:
        if not path.is_file():
            return False
        data = path.read_bytes()
    except OSError as error:
        raise BadRequest(
            f"The settings in {path.absolute()} cannot be read "
            f"({(error.strerror or str(error)).lower()}): please check the file's permissions."
        ) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadRequest(
            f"The settings in {path.absolute()} are UTF-16: please save the file as UTF-8."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRequest(
            f"The settings in {path.absolute()} are not UTF-8 (line {line}): please save the file "
            "as UTF-8, or write that line anew."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadRequest(
            f"The settings in {path.absolute()} are no text (line {line} has a null character): "
            f"please write the file anew, from {settings_example()}."
        )
    return True


def _expanded(given: str) -> str:
    if not given.startswith("~"):
        return given
    try:
        if Path(given).exists():
            return given
        return str(Path(given).expanduser())
    except RuntimeError:
        raise ValueError(f"there is no home folder for “{given[:60]}”") from None
    except OSError:
        raise ValueError(f"“{given[:60]}…” is no path") from None


def _is_sqlite(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD
    except (OSError, ValueError):
        return False
