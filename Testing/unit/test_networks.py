"""The networks as functions: what they average, what they leave out, what they refuse."""

from __future__ import annotations

import pytest
import torch
from SynthPerfLib.errors import ModelError
from SynthPerfLib.networks import NETWORKS, build

NAMES = ("ASL", "T1", "ADC")


def slices(count: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, 3, 32, 40, generator=generator) for name in NAMES}


def iedn(trained: bool = True) -> torch.nn.Module:
    torch.manual_seed(1)
    network = build("iedn", {"modalities": NAMES, "channels": (16, 16, 16), "context": 16})
    if trained:  # blocks start as the identity and weights as equal: make them something
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def test_untrained_the_iedn_is_the_published_mean_of_latents() -> None:
    network = iedn(trained=False)
    x = slices()
    with torch.inference_mode():
        mean = torch.stack([network.encode(name, x[name]) for name in NAMES]).mean(dim=0)
        assert torch.allclose(network(x), network.decoder(network.together(mean.relu())), atol=1e-5)


def test_the_order_of_the_inputs_does_not_matter() -> None:
    network, x = iedn(), slices()
    with torch.inference_mode():
        assert torch.allclose(network(x), network(dict(reversed(x.items()))), atol=1e-5)


def test_a_modality_that_no_sample_has_is_never_encoded() -> None:
    network, x = iedn(), slices()
    calls: list[str] = []
    for name, encoder in network.encoders.items():
        encoder.register_forward_hook(lambda *_, name=name: calls.append(name))
    present = {name: torch.tensor([[name != "ADC"] * 2]) for name in NAMES}
    with torch.inference_mode():
        map_ = network(x, present)
        assert calls == ["ASL", "T1"]
        assert torch.allclose(map_, network({name: x[name] for name in ("ASL", "T1")}), atol=1e-5)


def test_samples_of_one_batch_may_lack_different_modalities() -> None:
    network, x = iedn(), slices()
    present = {
        "ASL": torch.tensor([[True, False]]),
        "T1": torch.tensor([[True, True]]),
        "ADC": torch.tensor([[False, True]]),
    }
    with torch.inference_mode():
        together = network(x, present)
        first = network({name: x[name][:1] for name in ("ASL", "T1")})
        second = network({name: x[name][1:] for name in ("T1", "ADC")})
    assert torch.allclose(together, torch.cat([first, second]), atol=1e-5)


def test_views_of_a_batch_are_maps_of_their_own_and_encode_once() -> None:
    network, x = iedn(), slices()
    calls: list[str] = []
    for name, encoder in network.encoders.items():
        encoder.register_forward_hook(lambda *_, name=name: calls.append(name))
    both = torch.tensor([[True, True], [True, True]])
    present = {
        "ASL": both,
        "T1": torch.tensor([[True, True], [False, True]]),
        "ADC": torch.tensor([[True, True], [True, False]]),
    }
    with torch.inference_mode():
        maps = network(x, present)
        assert sorted(calls) == sorted(NAMES)
        whole = network(x)
        first = network({name: x[name][:1] for name in ("ASL", "ADC")})
        second = network({name: x[name][1:] for name in ("ASL", "T1")})
    assert torch.allclose(maps, torch.cat([whole, first, second]), atol=1e-5)


def test_every_modality_changes_the_map() -> None:
    network, x = iedn(), slices()
    with torch.inference_mode():
        everything = network(x)
        for name in NAMES:
            without = network({other: x[other] for other in NAMES if other != name})
            assert (everything - without).abs().max() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_a_simple_relation(name: str) -> None:
    torch.manual_seed(3)
    network = build(name, {"modalities": NAMES, "channels": (16, 16, 16), "context": 16})
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for step in range(120):
        x = slices(seed=step)
        target = 2 + x["ASL"][:, 1:2] + 0.5 * x["T1"][:, 1:2]
        loss = (network(x) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])


def test_unknown_networks_and_options_are_refused_in_words() -> None:
    with pytest.raises(ModelError, match="no network 'unet'"):
        build("unet", {})
    with pytest.raises(ModelError, match="cannot be built"):
        build("iedn", {"modalities": NAMES, "depth": 3})
