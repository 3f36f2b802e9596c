"""The IEDN's baseline: one encoder over all its modalities stacked as channels, one decoder, one combination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from .blocks import Decoder, Encoder


class EncoderDecoder(nn.Module):
    """A network for exactly one combination (the 3D encoder-decoder of Wu et al. 2025, in this package's blocks).

    Parameters
    ----------
    modalities
        The combination, in the order in which the channels are stacked.
    slices, channels, context
        As in :class:`~SynthPerfLib.networks.iedn.IEDN`.
    """

    def __init__(
        self,
        modalities: Sequence[str],
        slices: int = 3,
        channels: Sequence[int] = (16, 32, 64),
        context: int = 96,
    ) -> None:
        super().__init__()
        full, half, quarter = channels
        self.modalities = tuple(modalities)
        self.encoder = Encoder(slices * len(self.modalities), (full, half, quarter))
        self.decoder = Decoder((full, half, quarter), context)

    def forward(
        self, inputs: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Modality -> (N, slices, H, W), all of the combination -> (N, 1, H, W), CBV in mL/100 g, not clipped."""
        del present  # a sample that lacks one is never offered to this network
        return self.decoder(self.encoder(torch.cat([inputs[name] for name in self.modalities], dim=1)))
