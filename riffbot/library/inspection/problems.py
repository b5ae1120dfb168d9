"""The kinds of problems that an inspection finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong. Its value is the name in JSON."""

    DATABASE = "database"
    """The database says itself that it is damaged."""
    REFERENCE = "reference"
    """A row refers to a row that is not there."""
    REQUEST = "request"
    """A request cannot be read."""
    COLUMN = "column"
    """A column that repeats a part of the request says something else."""
    WORDS = "words"
    """Search finds a riff by other words than those of its prompt."""
    JOB = "job"
    """A job is unfinished, although its riff is there."""
    JAM = "jam"
    """A stored jam cannot be read."""
    LOST_FILE = "lost file"
    """A riff's own file is absent, or its content does not match its name."""
    LOST_SOURCE = "lost source"
    """A picture that a riff, a job or a jam starts from is absent or damaged."""
    ORPHAN = "orphan"
    """A file that no row refers to."""
    HALF_WRITTEN = "half-written"
    """What an interrupted write left behind."""
    STRANGE = "strange"
    """Something in the folder of the files that is none of them."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: what is wrong.
        subject: the id of a row, the sha256 of a file, or a path.
        details: further words for the owner.
        column: of a lost file: `png`, `mp3` or `picture`; of a reference: the column with it.
        needed_by: of a lost source: the id of the riff, job or jam that starts from it.
    """

    kind: Kind
    subject: str
    details: str = ""
    column: str = ""
    needed_by: str = ""


@dataclass
class Inspection:
    """What was looked at, and what is wrong.

    Attributes:
        riffs: rows of riffs, former ones included.
        files: files whose content was compared with their name.
        problems: in the order in which they were found.
    """

    riffs: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        subject: str,
        details: str = "",
        *,
        column: str = "",
        needed_by: str = "",
    ) -> None:
        """Add a problem."""
        self.problems.append(Problem(kind, subject, details, column, needed_by))

    def of(self, *kinds: Kind) -> Iterator[Problem]:
        """Yield the problems of some kinds."""
        return (problem for problem in self.problems if problem.kind in kinds)
