"""The names that weights had in the original latent-diffusion code, for single-file checkpoints.

diffusers converts from these names; here is the way back, so that a test can write such a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

State = Mapping[str, torch.Tensor]

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def single_file(unet: State, vae: State, text_encoder: State, *, layers: int) -> State:
    """One state dict under the old names. `layers` is the UNet's `layers_per_block`."""
    ups = 1 + max(int(name.split(".")[2]) for name in vae if name.startswith("decoder.up_blocks"))
    renamed = {f"model.diffusion_model.{_unet(k, layers)}": v for k, v in unet.items()}
    renamed |= {f"first_stage_model.{_vae(k, ups)}": _square(k, v) for k, v in vae.items()}
    renamed |= {
        f"cond_stage_model.transformer.text_model.{k.removeprefix('text_model.')}": v
        for k, v in text_encoder.items()
    }
    return {name: weight.contiguous() for name, weight in renamed.items()}


def _unet(name: str, layers: int) -> str:
    for new, old in _UNET_ENDS.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        kind, index, rest = found.groups()
        place = 1 if kind == "attentions" else 2 * int(index)
        return f"middle_block.{place}.{_within(kind, rest)}"
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
    assert found, name
    way, block, kind, layer, rest = found.groups()
    down = way == "down"
    at = int(block) * (layers + 1) + int(layer) + (1 if down else 0)
    side = "input_blocks" if down else "output_blocks"
    if kind == "downsamplers":
        return f"{side}.{at + layers}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":  # behind the attention, where there is one
        return f"{side}.{at + layers}.{2 if _attends(block) else 1}.{rest}"
    return f"{side}.{at}.{1 if kind == 'attentions' else 0}.{_within(kind, rest)}"


def _attends(up_block: str) -> bool:
    """In the tiny UNet only the first block on the way up has attention."""
    return up_block == "0"


def _within(kind: str, rest: str) -> str:
    if kind == "attentions":
        return rest
    layer, _, parameter = rest.rpartition(".")
    return f"{_RESNET[layer]}.{parameter}"


def _vae(name: str, ups: int) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0." in name:
        head, layer, parameter = re.split(r"mid_block\.attentions\.0\.|\.(?=\w+$)", name)
        return f"{head}mid.attn_1.{_ATTENTION[layer]}.{parameter}"
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(
        r"up_blocks\.(\d+)\.resnets\.", lambda m: f"up.{ups - 1 - int(m[1])}.block.", name
    )
    return re.sub(
        r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{ups - 1 - int(m[1])}.upsample", name
    )


def _square(name: str, weight: torch.Tensor) -> torch.Tensor:
    """The old attention was a 1×1 convolution."""
    attends = "mid_block.attentions.0.to_" in name and name.endswith("weight")
    return weight[..., None, None] if attends else weight
