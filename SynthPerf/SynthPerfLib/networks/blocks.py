"""Building blocks shared by the networks of this package. No normalisation layers (docs/networks.md says why)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size (or halves it with ``stride`` 2)."""
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1)


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity path; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape."""
        return functional.relu_(self.second(functional.relu_(self.first(x))).add_(x))


class Encoder(nn.Module):
    """Images or latents at full resolution -> latent maps at three scales.

    Parameters
    ----------
    inside
        Channels that come in.
    channels
        Latent channels at full, half and quarter resolution.
    """

    def __init__(self, inside: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        full, half, quarter = channels
        self.to_full = conv(inside, full)
        self.full_block = Residual(full)
        self.to_half = conv(full, half, stride=2)
        self.half_block = Residual(half)
        self.to_quarter = conv(half, quarter, stride=2)
        self.quarter_block = Residual(quarter)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, inside, H, W), H and W multiples of 8 -> latents (N, C_i, H / 2^i, W / 2^i)."""
        full = self.full_block(functional.relu_(self.to_full(x)))
        half = self.half_block(functional.relu_(self.to_half(full)))
        quarter = self.quarter_block(functional.relu_(self.to_quarter(half)))
        return [full, half, quarter]


class Decoder(nn.Module):
    """Latent maps at three scales -> one map; light, so that switching a modality is cheap.

    Parameters
    ----------
    channels
        Latent channels at full, half and quarter resolution.
    context
        Channels at one eighth resolution, where the whole head is within reach.
    """

    def __init__(self, channels: tuple[int, int, int], context: int) -> None:
        super().__init__()
        full, half, quarter = channels
        self.to_eighth = conv(quarter, context, stride=2)
        self.eighth_blocks = nn.Sequential(Residual(context), Residual(context))
        self.to_quarter = nn.Conv2d(context, quarter, 1)
        self.quarter_block = Residual(quarter)
        self.to_half = nn.Conv2d(quarter, half, 1)
        self.half_block = Residual(half)
        self.to_full = nn.Conv2d(half, full, 1)
        self.full_blocks = nn.Sequential(Residual(full), Residual(full))
        self.head = conv(full, 1)

    def forward(self, latents: list[torch.Tensor]) -> torch.Tensor:
        """Latents as from :class:`Encoder` -> (N, 1, H, W)."""
        full, half, quarter = latents
        eighth = self.eighth_blocks(functional.relu_(self.to_eighth(quarter)))
        quarter = self.quarter_block(quarter + _doubled(self.to_quarter(eighth)))
        half = self.half_block(half + _doubled(self.to_half(quarter)))
        full = self.full_blocks(full + _doubled(self.to_full(half)))
        return self.head(full)


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
