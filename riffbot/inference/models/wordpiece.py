"""BERT's WordPiece tokenizer (Wu 2016), through the `tokenizers` library alone.

transformers' tokenizer is the same library with seconds of imports around it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

FILE = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
_PADDING = "[PAD]"


@dataclass(frozen=True)
class Tokens:
    """What a call of the tokenizer returns, named as in transformers."""

    input_ids: list[int]


class WordPiece:
    """Text -> token ids, with the interface of transformers' tokenizers as far as it is used.

    Args:
        folder: holds a tokenizer.json.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / FILE))
        # The file may ask for texts of one length; `PromptEncoder` cuts and fills by itself.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.pad_token_id: int = self._tokenizer.token_to_id(_PADDING) or 0
        self.model_max_length = _read_max_length(folder / SETTINGS)

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Tokens:
        """Cut a text into tokens; the special tokens are those around a whole text."""
        encoded = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return Tokens(encoded.ids)

    @staticmethod
    def suits(folder: Path) -> bool:
        """Whether the folder holds a file that this class reads."""
        return (folder / FILE).is_file()


def _read_max_length(settings: Path) -> int:
    """Tokens of the longest text by the tokenizer's settings; without them there is no limit."""
    if not settings.is_file():
        return sys.maxsize
    return int(json.loads(settings.read_text("utf-8")).get("model_max_length", sys.maxsize))
