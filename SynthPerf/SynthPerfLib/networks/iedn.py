"""Incrementable encoder-decoder network: an encoder per modality, latents averaged over those present, one decoder.

After Wu et al., Front Oncol 2025;15:1647254, S_CBV = D(sum a_m E_m(S_m) / sum a_m). The blocks are our own: slices
with their neighbours (2.5D) instead of volumes, and an average whose weights each encoder sets for every point, so
that a modality can say where it knows nothing (with equal weights it is the published mean).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from .blocks import Decoder, Encoder

Latents = list[tuple[torch.Tensor, torch.Tensor]]
"""Per scale: weighted latents and their weight."""


class IEDN(nn.Module):
    """One model for every subset of its modalities.

    Parameters
    ----------
    modalities
        Names of the inputs, each with an encoder of its own.
    slices
        Neighbouring slices seen at once, odd.
    channels
        Latent channels at full, half and quarter resolution.
    context
        Decoder channels at one eighth resolution.
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
        self.encoders = nn.ModuleDict({name: Encoder(slices, (full, half, quarter)) for name in modalities})
        self.weights = nn.ModuleDict(
            {name: nn.ModuleList(nn.Conv2d(width, 1, 1) for width in channels) for name in modalities}
        )
        self.decoder = Decoder((full, half, quarter), context)
        for parameter in self.weights.parameters():
            nn.init.zeros_(parameter)

    def encode(self, name: str, x: torch.Tensor) -> Latents:
        """Latents of one modality.

        Parameters
        ----------
        x
            (N, slices, H, W), normalised; H and W multiples of 8.

        Returns
        -------
        For each scale the latents (N, C, h, w), already multiplied by their weight, and the weight (N, 1, h, w).
        """
        parts = []
        for latent, head in zip(self.encoders[name](x), self.weights[name].children(), strict=True):
            # Bounded, so that no modality can be shut out by a rounding error and a lone one is never divided by zero.
            weight = torch.exp(3.0 * torch.tanh(head(latent) / 3.0))
            parts.append((latent * weight, weight))
        return parts

    def decode(self, parts: Sequence[Latents]) -> torch.Tensor:
        """The map from what :meth:`encode` gave for each modality present.

        Returns
        -------
        (N, 1, H, W), CBV in mL/100 g, not clipped.
        """
        mixed = []
        for scale in zip(*parts, strict=True):
            latent, weight = scale[0]
            for more, more_weight in scale[1:]:
                latent, weight = latent + more, weight + more_weight
            mixed.append(latent / weight)
        return self.decoder(mixed)

    def forward(
        self, inputs: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Map from the modalities in ``inputs``; one that no sample has is left out and costs nothing.

        Parameters
        ----------
        inputs
            Modality -> (N, slices, H, W).
        present
            Modality -> (N,) bool, for batches whose samples lack different modalities. Every sample has at least one.
        """
        parts = []
        for name, x in inputs.items():
            has = None if present is None else present[name]
            if has is None or bool(has.all()):
                parts.append(self.encode(name, x))
            elif bool(has.any()):
                some = self.encode(name, x[has])
                rows = has.nonzero()[:, 0]
                parts.append(
                    [(_spread(latent, rows, len(x)), _spread(weight, rows, len(x))) for latent, weight in some]
                )
        return self.decode(parts)


def _spread(values: torch.Tensor, rows: torch.Tensor, count: int) -> torch.Tensor:
    """``values`` of the samples ``rows`` among ``count`` samples, zero for the others."""
    return values.new_zeros((count, *values.shape[1:])).index_copy(0, rows, values)
