"""The denoiser: a UNet with cross-attention, as diffusers' UNet2DConditionModel computes it.

diffusers' own class takes seconds to import and is made for every model there is. This one has
what the embedded model needs, with the same names of weights and the same results to the bit.
Other configurations, and models with adapters, are left to diffusers (`stock_checkpoints`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from riffbot.inference.models.unet_layers import MLP, TimeEmbedding, embed_timestep
from riffbot.inference.models.unet_stages import DownStage, MiddleStage, StageSizes, UpStage

_ONLY: dict[str, Any] = {
    "act_fn": "silu",
    "addition_embed_type": None,
    "attention_type": "default",
    "center_input_sample": False,
    "class_embeddings_concat": False,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "cross_attention_norm": None,
    "downsample_padding": 1,
    "dropout": 0.0,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "encoder_hid_dim_type": None,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_only_cross_attention": None,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "norm_eps": 1e-5,
    "num_attention_heads": None,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False,
    "resnet_time_scale_shift": "default",
    "reverse_transformer_layers_per_block": None,
    "time_embedding_act_fn": None,
    "time_embedding_dim": None,
    "time_embedding_type": "positional",
    "timestep_post_act": None,
    "transformer_layers_per_block": 1,
    "upcast_attention": False,
    "use_linear_projection": False,
}
"""Settings of diffusers' class and the one value of each that is implemented, its default."""

_UNUSED = ("sample_size", "addition_embed_type_num_heads", "addition_time_embed_dim")
"""Settings of diffusers' class that change nothing with the values above."""

Heads = int | tuple[int, ...]


@dataclass(frozen=True)
class UNetConfig:
    """What may be chosen of a denoiser; the names are those of diffusers' config.json.

    Attributes:
        in_channels: latent channels, and those beside them (`models.beats`).
        block_out_channels: channels of each resolution, finest first, each half the one before.
        down_block_types, up_block_types: of each resolution, in the order of computation; those
            called `CrossAttn…` attend to other cells and to the text.
        layers_per_block: residual blocks of a resolution on the way down; one more on the way up.
        cross_attention_dim: width of the token states.
        attention_head_dim: how many heads (huggingface/diffusers#2011), of all or each resolution.
        norm_num_groups: of every GroupNorm.
        class_embed_type: `projection` where there is a prompt embedding.
        projection_class_embeddings_input_dim: its size.
        time_cond_proj_dim: size of the guidance embedding (`guidance_embedding`); None if the
            network is not shown the guidance scale.
    """

    in_channels: int
    out_channels: int
    block_out_channels: tuple[int, ...]
    down_block_types: tuple[Literal["DownBlock2D", "CrossAttnDownBlock2D"], ...]
    up_block_types: tuple[Literal["UpBlock2D", "CrossAttnUpBlock2D"], ...]
    layers_per_block: int
    cross_attention_dim: int
    attention_head_dim: Heads
    norm_num_groups: int
    class_embed_type: Literal["projection"] | None = None
    projection_class_embeddings_input_dim: int | None = None
    time_cond_proj_dim: int | None = None

    def __post_init__(self) -> None:
        parts = [self.block_out_channels, self.down_block_types, self.up_block_types, self.heads]
        if len({*map(len, parts)}) != 1:
            raise ValueError("the resolutions are not told of alike")
        if (self.class_embed_type is None) != (self.projection_class_embeddings_input_dim is None):
            raise ValueError("a prompt embedding needs its type and its size")

    @property
    def heads(self) -> tuple[int, ...]:
        """Attention heads of each resolution."""
        heads = self.attention_head_dim
        return (heads,) * len(self.block_out_channels) if isinstance(heads, int) else heads

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> UNetConfig | None:
        """Read diffusers' config.json; None if it asks for what is not implemented here."""
        chosen = {field.name for field in fields(cls)}
        for key, value in config.items():
            known = key in chosen or key in _UNUSED or key.startswith("_")
            if not known and (key not in _ONLY or _ONLY[key] != value):
                return None
        try:
            return TypeAdapter(cls).validate_python({k: config[k] for k in chosen & config.keys()})
        except ValidationError:
            return None


class UNet(nn.Module):
    """Predicts at a noise level what the scheduler asks for, of noisy latents and a text."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels, heads = config.block_out_channels, config.heads
        sizes = StageSizes(
            text=config.cross_attention_dim, time=4 * channels[0], groups=config.norm_num_groups
        )
        pooled, last = config.projection_class_embeddings_input_dim, len(channels) - 1
        self.conv_in = nn.Conv2d(config.in_channels, channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], sizes.time, config.time_cond_proj_dim)
        self.class_embedding = None if pooled is None else MLP(pooled, sizes.time)
        self.down_blocks = nn.ModuleList(
            DownStage(
                [channels[max(place - 1, 0)], *[channels[place]] * (config.layers_per_block - 1)],
                channels[place],
                sizes,
                heads=heads[place] if kind == "CrossAttnDownBlock2D" else None,
                halves=place < last,
            )
            for place, kind in enumerate(config.down_block_types)
        )
        self.mid_block = MiddleStage(channels[-1], sizes, heads=heads[-1])
        self.up_blocks = nn.ModuleList(
            UpStage(
                _inputs_of_up_stage(config, place),
                channels[last - place],
                sizes,
                heads=heads[last - place] if kind == "CrossAttnUpBlock2D" else None,
                doubles=place < last,
            )
            for place, kind in enumerate(config.up_block_types)
        )
        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, channels[0])
        self.conv_out = nn.Conv2d(channels[0], config.out_channels, 3, padding=1)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        *,
        class_labels: Tensor | None = None,
        timestep_cond: Tensor | None = None,
        return_dict: Literal[False] = False,
    ) -> tuple[Tensor]:
        """Predict, with the arguments of diffusers' class as far as the pipeline uses them.

        Args:
            sample: float (B, in_channels, h, w).
            timestep: 0-dim, 0 … 1000.
            encoder_hidden_states: token states (B, T, cross_attention_dim).
            class_labels: prompt embeddings (B, projection_class_embeddings_input_dim).
            timestep_cond: guidance embeddings (B, time_cond_proj_dim).
            return_dict: the answer is a tuple.

        Returns:
            One tensor (B, out_channels, h, w).
        """
        width = self.config.block_out_channels[0]
        time = embed_timestep(timestep.to(sample.device), len(sample), width)
        time = self.time_embedding(time.to(sample.dtype), timestep_cond)
        if self.class_embedding is not None:
            time = time + self.class_embedding(class_labels)
        x = self.conv_in(sample)
        skipped = [x]
        for stage in self.down_blocks:
            answers = stage(x, time, encoder_hidden_states)
            x = answers[-1]
            skipped += answers
        x = self.mid_block(x, time, encoder_hidden_states)
        factor = 2 ** (len(self.up_blocks) - 1)
        is_even = all(size % factor == 0 for size in sample.shape[2:])
        for stage in self.up_blocks:
            x = stage(x, skipped, time, encoder_hidden_states, is_even=is_even)
        return (self.conv_out(functional.silu(self.conv_norm_out(x))),)


def _inputs_of_up_stage(config: UNetConfig, place: int) -> list[int]:
    """Channels that each residual block of an up stage reads: the way up's, and what skipped it."""
    coarse_first = config.block_out_channels[::-1]
    own = coarse_first[place]
    before = coarse_first[max(place - 1, 0)]
    after = coarse_first[min(place + 1, len(coarse_first) - 1)]
    from_below = [before, *[own] * config.layers_per_block]
    beside = [*[own] * config.layers_per_block, after]
    return [one + other for one, other in zip(from_below, beside, strict=True)]
