"""A bundle on disk: round trip, damage, and that MONAI reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from SynthPerfLib.bundle import INFERENCE, METADATA, WEIGHTS, Bundle, write_bundle
from SynthPerfLib.errors import InputError, ModelError
from SynthPerfLib.networks import build

OPTIONS = {"modalities": ["ASL", "T1"], "slices": 3, "channels": [16, 16, 16], "context": 16}


@pytest.fixture
def written(tmp_path: Path) -> Bundle:
    torch.manual_seed(0)
    return write_bundle(
        tmp_path / "small",
        weights=build("iedn", OPTIONS).state_dict(),
        network="iedn",
        options=OPTIONS,
        modalities=("ASL", "T1"),
        any_subset=True,
        grid={"in_plane_mm": 1.6, "thinnest_mm": 3.0, "thickest_mm": 8.0},
        about={"version": "0.0.1"},
    )


def test_weights_come_back_to_half_precision(written: Bundle) -> None:
    torch.manual_seed(0)
    original = build("iedn", OPTIONS).state_dict()
    for name, value in written.network().state_dict().items():
        assert value.dtype == torch.float32
        assert torch.allclose(value, original[name], rtol=1e-3, atol=1e-6)
    assert written.modalities == ("ASL", "T1")
    assert written.network_name == "iedn"


def test_monai_reads_the_configuration_and_builds_the_network(written: Bundle) -> None:
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(written.folder / INFERENCE)
    parser.read_meta(written.folder / METADATA)
    network = parser.get_parsed_content("network_def")
    assert set(network.state_dict()) == set(written.network().state_dict())
    assert parser["_meta_::network_data_format::outputs::pred::unit"] == "mL/100 g"


def test_changed_weights_are_noticed(written: Bundle) -> None:
    path = written.folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        Bundle.open(written.folder)


def test_a_bundle_cannot_name_a_class_outside_the_table(written: Bundle) -> None:
    path = written.folder / INFERENCE
    content = json.loads(path.read_text())
    content["network_def"]["_target_"] = "os.system"
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="damaged"):
        Bundle.open(written.folder)


@pytest.mark.parametrize("part", [METADATA, INFERENCE, WEIGHTS])
def test_a_missing_part_is_named(written: Bundle, part: Path) -> None:
    (written.folder / part).unlink()
    with pytest.raises(InputError, match=part.name.replace(".", r"\.")):
        Bundle.open(written.folder)


def test_broken_json_is_a_sentence(written: Bundle) -> None:
    (written.folder / METADATA).write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        Bundle.open(written.folder)
