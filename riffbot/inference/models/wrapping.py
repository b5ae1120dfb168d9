"""Padding a picture with its own other end."""

from __future__ import annotations

import torch


def wrap(x: torch.Tensor, left: int, right: int) -> torch.Tensor:
    """Pad the last axis with `left` and `right` columns from its other end.

    Concatenation, because `pad(mode="circular")` forgets the channels-last layout, which costs
    more than the copy.
    """
    width = x.shape[-1]
    parts = [x[..., width - left :]] if left else []
    parts.append(x)
    if right:
        parts.append(x[..., :right])
    return torch.cat(parts, dim=-1) if len(parts) > 1 else x
