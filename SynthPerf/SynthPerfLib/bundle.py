"""A trained model on disk, laid out as a MONAI bundle; weights are safetensors, nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, ModelError
from .images import write_json, written_whole
from .modality import INPUTS, MODALITIES
from .networks import NETWORKS, build, class_path

if TYPE_CHECKING:
    import torch
    from torch import nn

METADATA = Path("configs/metadata.json")
INFERENCE = Path("configs/inference.json")
WEIGHTS = Path("models/model.safetensors")
CARD = Path("docs/README.md")


@dataclass(frozen=True)
class Bundle:
    """A model folder, opened and checked.

    Attributes
    ----------
    name
        The folder's name; maps carry it (``desc-<name>_cbv``).
    metadata, inference
        The two configuration files.
    sha256
        Of the weights.
    """

    folder: Path
    name: str
    metadata: Mapping[str, Any]
    inference: Mapping[str, Any]
    sha256: str

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Open a bundle folder.

        Raises
        ------
        InputError
            If there is no bundle.
        ModelError
            If it is damaged: a configuration that is not JSON or lacks a key, or weights with another checksum.
        """
        for part in (METADATA, INFERENCE, WEIGHTS):
            if not (folder / part).is_file():
                raise InputError(f"{folder} is not a model bundle: {part.as_posix()} is missing.")
        try:
            metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
            inference = json.loads((folder / INFERENCE).read_text(encoding="utf-8"))
            expected = metadata["weights_sha256"]
            _network_of(inference["network_def"]["_target_"])
            float(inference["grid"]["in_plane_mm"]), list(inference["modalities"]), bool(inference["any_subset"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"The bundle {folder.name} is damaged: its configuration cannot be used ({error!r})."
            ) from error
        found = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
        if found != expected:
            raise ModelError(f"The bundle {folder.name} is damaged: the weights are not the ones its metadata names.")
        return cls(folder, folder.resolve().name, metadata, inference, found)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Inputs the model knows, in written order."""
        return tuple(name for name in INPUTS if name in self.inference["modalities"])

    @property
    def any_subset(self) -> bool:
        """Whether any non-empty subset of the inputs will do (else exactly all of them)."""
        return bool(self.inference["any_subset"])

    @property
    def network_name(self) -> str:
        """The architecture's name, as in the table of networks."""
        return _network_of(self.inference["network_def"]["_target_"])

    def network(self) -> nn.Module:
        """The trained network, fp32, in evaluation mode on the CPU.

        Raises
        ------
        ModelError
            If weights and architecture do not fit.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        options = {key: value for key, value in self.inference["network_def"].items() if key != "_target_"}
        network = build(self.network_name, options)
        try:
            weights = load_file(self.folder / WEIGHTS)
            network.load_state_dict({name: w.to(torch.float32) for name, w in weights.items()})
        except (SafetensorError, RuntimeError, OSError) as error:
            first = str(error).splitlines()[0]
            raise ModelError(f"The weights of {self.name} do not fit its network: {first}") from error
        return network.eval()


def write_bundle(
    folder: Path,
    *,
    weights: Mapping[str, torch.Tensor],
    network: str,
    options: Mapping[str, Any],
    modalities: tuple[str, ...],
    any_subset: bool,
    grid: Mapping[str, float],
    about: Mapping[str, Any],
) -> Bundle:
    """Write a bundle, weights in half precision; a complete one appears or none.

    Parameters
    ----------
    grid
        ``in_plane_mm``, ``thinnest_mm``, ``thickest_mm`` of the working grid.
    about
        What goes into the metadata as it is: version, training data, metrics, intended use, …
    """
    import torch
    from safetensors.torch import save_file

    with written_whole(folder / WEIGHTS) as temporary:
        halves = {name: w.detach().to("cpu", torch.float16).contiguous() for name, w in sorted(weights.items())}
        save_file(halves, temporary, metadata={"format": "pt"})
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    inputs = {
        name: {
            "type": "image",
            "format": "magnitude",
            "modality": name,
            "unit": MODALITIES[name].unit or "arbitrary",
            "num_channels": 1,
            "spatial_shape": ["*", "*", "*"],
            "spacing_mm": f"any; resliced to {grid['in_plane_mm']} x {grid['in_plane_mm']} x "
            f"{grid['thinnest_mm']}-{grid['thickest_mm']}",
            "dtype": "float32",
            "is_patch_data": False,
            "required": not any_subset,
        }
        for name in modalities
    }
    output = {
        "pred": {
            "type": "image",
            "format": "cerebral blood volume",
            "modality": "CBV",
            "unit": MODALITIES["CBV"].unit,
            "num_channels": 1,
            "spatial_shape": ["*", "*", "*"],
            "dtype": "float32",
            "value_range": [0, 40],
            "is_patch_data": False,
            "channel_def": {"0": "cerebral blood volume"},
        }
    }
    metadata = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        **about,
        "weights_sha256": sha256,
        "network_data_format": {"inputs": inputs, "outputs": output},
    }
    inference = {
        "imports": [],
        "bundle_root": ".",
        "network_def": {"_target_": class_path(network), **options},
        "modalities": list(modalities),
        "any_subset": any_subset,
        "grid": dict(grid),
    }
    write_json(inference, folder / INFERENCE)
    write_json(metadata, folder / METADATA)
    return Bundle.open(folder)


def _network_of(target: str) -> str:
    """The table's name for a class path; a bundle can name no class outside the table."""
    for name in NETWORKS:
        if class_path(name) == target:
            return name
    raise ValueError(f"unknown network {target}")
