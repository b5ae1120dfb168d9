"""A text encoder of BERT's kind (Devlin 2018), as transformers' BertModel computes it.

MiniLM, which reads the embedded model's prompts, is one. transformers takes seconds to import; this
has the same names of weights and the same results to the bit. Two settings are ours, for smaller
encoders that answer in MiniLM's place (`training.text_encoder`): words may be looked up in fewer
numbers than the layers work with, and the answer may be wider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional

_ONLY: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "is_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
    "position_embedding_type": "absolute",
}
"""Settings of transformers' class and the one value of each that is implemented."""

_SPREAD = 0.02 * 3**0.5


@dataclass(frozen=True)
class BertConfig:
    """What may be chosen of a text encoder; the names are those of transformers' config.json.

    Attributes:
        vocab_size: how many tokens there are.
        hidden_size: width of the token states within the layers.
        num_hidden_layers, num_attention_heads, intermediate_size: of the layers.
        max_position_embeddings: the longest text, in tokens.
        type_vocab_size: kinds of text that are told apart; all is of the first kind here.
        layer_norm_eps: of every LayerNorm.
        embedding_size: width of a word's vector; None is `hidden_size`, as in BERT.
        output_size: width of the answer; None is `hidden_size`, as in BERT.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    embedding_size: int | None = None
    output_size: int | None = None

    def __post_init__(self) -> None:
        if self.num_attention_heads < 1 or self.hidden_size % self.num_attention_heads:
            raise ValueError("the heads do not share the width of the states evenly")

    @property
    def model_type(self) -> str:
        """What transformers calls this architecture."""
        return "bert"

    @property
    def states_size(self) -> int:
        """Width of the token states that are answered."""
        return self.output_size or self.hidden_size

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> BertConfig | None:
        """Read transformers' config.json; None if it asks for what is not implemented here."""
        if any(config.get(key, value) != value for key, value in _ONLY.items()):
            return None
        chosen = {field.name for field in fields(cls)}
        try:
            return TypeAdapter(cls).validate_python({k: config[k] for k in chosen & config.keys()})
        except ValidationError:
            return None


class Bert(nn.Module):
    """Token ids -> a state of each token, which knows the tokens around it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))}
        )
        self.answer = (
            nn.Linear(config.hidden_size, config.output_size) if config.output_size else None
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embeddings.word_embeddings.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self.embeddings.word_embeddings.weight.dtype

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor]:
        """Encode texts.

        Args:
            input_ids: int64 (B, T).
            attention_mask: 0/1 (B, T), which tokens are the text's own; None: all.

        Returns:
            One tensor, float (B, T, states_size).
        """
        x, mask = self.embeddings(input_ids), None
        # Without padding there is no mask, as in transformers: it would choose another kernel.
        if attention_mask is not None and not bool(attention_mask.all()):
            batch, tokens = input_ids.shape
            mask = attention_mask.bool()[:, None, None, :].expand(batch, 1, tokens, tokens)
        for layer in self.encoder["layer"].children():
            x = layer(x, mask)
        return (x if self.answer is None else self.answer(x),)


class _Embeddings(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size = config.embedding_size or config.hidden_size
        self.word_embeddings = _build_table(config.vocab_size, size)
        self.position_embeddings = _build_table(config.max_position_embeddings, size)
        self.token_type_embeddings = _build_table(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.project = nn.Linear(size, config.hidden_size) if config.embedding_size else None

    def forward(self, ids: Tensor) -> Tensor:
        kinds = self.token_type_embeddings(torch.zeros_like(ids))
        x = self.word_embeddings(ids) + kinds
        x = self.LayerNorm(x + self.position_embeddings.weight[: ids.shape[1]])
        return x if self.project is None else self.project(x)


def _build_table(rows: int, size: int) -> nn.Embedding:
    """A trainable Embedding, begun with a spread of 0.02 as BERT's.

    Embedding's own way to begin, `normal_`, imports torch's compiler (two seconds) where tensors
    hold nothing (`network_files.load`).
    """
    begun = torch.empty(rows, size).uniform_(-_SPREAD, _SPREAD)
    return nn.Embedding.from_pretrained(begun, freeze=False)


class _Layer(nn.Module):
    """Attention, then a feed-forward network, each beside an identity and normalised behind it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.attention = nn.ModuleDict(
            {
                "self": _SelfAttention(size, config.num_attention_heads),
                "output": _Join(size, size, eps),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(size, config.intermediate_size)})
        self.output = _Join(config.intermediate_size, size, eps)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, mask), x)
        joined: Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return joined


class _SelfAttention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        answer = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return answer.transpose(1, 2).reshape(x.shape)

    def _split(self, x: Tensor) -> Tensor:
        """float (B, T, size) -> (B, heads, T, size / heads)."""
        return x.view(len(x), x.shape[1], self._heads, -1).transpose(1, 2)


class _Join(nn.Module):
    """A linear layer, added to what was before, and normalised."""

    def __init__(self, inputs: int, size: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, size)
        self.LayerNorm = nn.LayerNorm(size, eps)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)
