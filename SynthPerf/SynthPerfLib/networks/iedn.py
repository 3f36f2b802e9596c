"""Incrementable encoder-decoder network: an encoder per modality, latents averaged over those present, one decoder.

After Wu et al., Front Oncol 2025;15:1647254, S_CBV = D(sum a_m E_m(S_m) / sum a_m). The blocks are our own: slices
with their neighbours (2.5D) instead of volumes, encoders at full resolution, and everything that looks at the
modalities together in the decoder, which is a network of three more scales. The average has a weight for each modality
and channel, and the decoder is told which modalities it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from .blocks import Decoder, Encoder, conv


class IEDN(nn.Module):
    """One model for every subset of its modalities.

    Parameters
    ----------
    modalities
        Names of the inputs, each with an encoder of its own.
    slices
        Neighbouring slices seen at once, odd.
    channels
        Channels at full, half and quarter resolution; a latent has those of full resolution.
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
        self.modalities = tuple(modalities)
        self.encoders = nn.ModuleDict({name: _encoder(slices, full, len(self.modalities)) for name in modalities})
        self.weights = nn.ParameterDict({name: nn.Parameter(torch.zeros(full, 1, 1)) for name in modalities})
        self.presence = nn.Linear(len(self.modalities), full)
        nn.init.zeros_(self.presence.weight)
        nn.init.zeros_(self.presence.bias)
        self.together = Encoder(full, (full, half, quarter))
        self.decoder = Decoder((full, half, quarter), context)

    def encode(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Latents of one modality.

        Parameters
        ----------
        x
            (N, slices, H, W), normalised; H and W multiples of 8.

        Returns
        -------
        (N, C, H, W), of either sign.
        """
        return self.encoders[name](x)

    def decode(
        self, latents: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """The map from what :meth:`encode` gave for each modality.

        Parameters
        ----------
        present
            Modality -> (N,) bool: of which samples the latents count. Every sample has one at least. By default all.

        Returns
        -------
        (N, 1, H, W), CBV in mL/100 g, not clipped.
        """
        one = next(iter(latents.values()))
        has = torch.zeros(len(one), len(self.modalities), device=one.device)
        for name in latents:
            has[:, self.modalities.index(name)] = 1.0 if present is None else present[name].float()
        weight = has[:, :, None] * torch.stack([self.weights[name].exp()[:, 0, 0] for name in self.modalities])
        share = (weight / weight.sum(dim=1, keepdim=True)).to(one.dtype)  # (N, modalities, C)
        mean = self.presence(has)[:, :, None, None]
        for name, latent in latents.items():
            mean = mean + latent * share[:, self.modalities.index(name), :, None, None]
        return self.decoder(self.together(functional.relu(mean)))

    def forward(
        self, inputs: Mapping[str, torch.Tensor], present: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Maps from the modalities in ``inputs``; one that no sample has is left out and costs nothing.

        Parameters
        ----------
        inputs
            Modality -> (N, slices, H, W).
        present
            Modality -> (V, N) bool: V views of the batch, each with its own choice of modalities for each sample, at
            least one. The encoders run once for all of them.

        Returns
        -------
        (V N, 1, H, W), view after view; (N, 1, H, W) where ``present`` is not given.
        """
        if present is None:
            return self.decode({name: self.encode(name, x) for name, x in inputs.items()})
        latents = {name: self.encode(name, x) for name, x in inputs.items() if present[name].any()}
        views = range(len(next(iter(present.values()))))
        return torch.cat([self.decode(latents, {name: present[name][view] for name in latents}) for view in views])


def _encoder(slices: int, channels: int, modalities: int) -> nn.Sequential:
    """An encoder whose signal is as strong after the mean over all modalities as it came in.

    It starts as He et al. 2015 start rectifiers, times what a mean of independent latents takes away. With torch's own
    start the signal fades on the way, and nothing but the biases is learnt at first.
    """
    first, second = conv(slices, channels), conv(channels, channels)
    for layer, gain in ((first, 1.0), (second, modalities**0.5)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        layer.weight.data *= gain
    return nn.Sequential(first, nn.ReLU(), second)
