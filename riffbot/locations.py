"""Where RiffBot's own files and its owner's files are: in a checkout, or installed from a wheel.

In a checkout the bundled files (models/, seed_images/, migrations/) lie beside the package; data
and settings lie in the folder that the command is run in. A wheel carries the bundled files inside
the package; data and settings then lie in the platform's folder for the user's data.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout; in an installation, the folder that holds the packages."""

_IN_WHEEL = Path(__file__).resolve().parent / "bundled"

DATA_FOLDER = Path("data")
"""Of a checkout, relative to the working directory."""

DATABASE_FILE = "riffbot.db"
"""The SQLite library, in the data folder."""


PAGE_FILE = "page.json"
"""In the data folder while the page is served: its address from this machine."""


def is_installed() -> bool:
    """Whether RiffBot runs from an installed wheel rather than from a checkout."""
    return _IN_WHEEL.is_dir()


def bundled(name: str) -> Path:
    """A file or folder that comes with RiffBot: `models`, `seed_images` or `migrations`."""
    return (_IN_WHEEL if is_installed() else ROOT) / name


def user_folder() -> Path:
    """The platform's folder for this user's RiffBot: `~/.local/share/riffbot` on Linux."""
    return user_data_path("riffbot", appauthor=False)


def default_data_dir() -> Path:
    """The data folder unless the settings name another.

    Versions that were installed earlier had it in the working directory: it stays in use there.
    """
    has_library = (DATA_FOLDER / DATABASE_FILE).is_file()
    return user_folder() if is_installed() and not has_library else DATA_FOLDER


def settings_files() -> tuple[Path, ...]:
    """The files that settings are read from; what the last one says counts."""
    here = Path(".env")
    return (user_folder() / ".env", here) if is_installed() else (here,)


def settings_example() -> str:
    """The file in which every setting is documented."""
    return str(bundled("env.example")) if is_installed() else ".env.example"


def settings_file() -> str:
    """The file in which an owner writes settings."""
    return str(settings_files()[0])
