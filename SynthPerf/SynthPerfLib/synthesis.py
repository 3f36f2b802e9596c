"""A prepared case and a model in, a map out. Research use only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import SimpleITK as sitk

from . import __version__
from .bundle import Bundle
from .errors import DependencyError, InputError, ModelError
from .jobs import Progress, Steps, part
from .modality import INPUTS, MODALITIES, combination
from .working_grid import WorkingGrid, axial_array

if TYPE_CHECKING:
    import torch

    from .preprocessing import Prepared

_CHUNK = 1  # slices a step: on a CPU core as fast as four, and a user interface waits a quarter of the time
_DEVICES = ("auto", "cpu", "cuda", "mps")
_UPPER = 60.0  # mL/100 g; more is no blood volume


class MapModel(Protocol):
    """Anything that makes a CBV map: a trained bundle, trees, a scaled ASL map."""

    name: str
    modalities: tuple[str, ...]
    any_subset: bool

    def map(self, prepared: Prepared, modalities: Sequence[str]) -> Steps[sitk.Image]:
        """CBV in mL/100 g on the prepared grid, 0 outside the brain."""
        ...


def choose_device(wish: str) -> str:
    """The device to run on: what was asked for, or the best there is (``auto``).

    Raises
    ------
    InputError
        If the device asked for is unknown or not there.
    """
    if wish not in _DEVICES:
        raise InputError(f"Unknown device {wish!r}: choose from {', '.join(_DEVICES)}.")
    torch = _torch()
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wish == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[wish]:
        raise InputError(f"No {wish} device was found on this computer: choose cpu or auto.")
    return wish


def supported(model: MapModel, available: Sequence[str], wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """The modalities a map will be made from.

    Parameters
    ----------
    available
        What the case has.
    wanted
        What the user asked for; everything that case and model have in common by default.

    Raises
    ------
    InputError
        If something asked for is missing in the case.
    ModelError
        If the model does not know it, or cannot work on this combination.
    """
    if wanted is None:
        chosen = tuple(name for name in INPUTS if name in available and name in model.modalities)
        if not chosen:
            raise InputError(f"The case has none of the inputs of {model.name}: {', '.join(model.modalities)}.")
    else:
        chosen = combination(wanted)
        missing = [name for name in chosen if name not in available]
        if missing:
            raise InputError(f"The case has no {', '.join(missing)}: leave it out of --modalities or add the file.")
        unknown = [name for name in chosen if name not in model.modalities]
        if unknown:
            raise ModelError(f"The model {model.name} was not trained with {', '.join(unknown)}.")
    if not model.any_subset and set(chosen) != set(model.modalities):
        raise ModelError(
            f"The model {model.name} works on exactly {'+'.join(model.modalities)}, not on {'+'.join(chosen)}."
        )
    return chosen


class Synthesizer:
    """A bundle on a device, as a :class:`MapModel`.

    Parameters
    ----------
    bundle
        The model.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    def __init__(self, bundle: Bundle, device: str = "auto") -> None:
        self.bundle = bundle
        self.name = bundle.name
        self.modalities = bundle.modalities
        self.any_subset = bundle.any_subset
        self.device = choose_device(device)
        network: Any = bundle.network()
        self.network = network.to(self.device, memory_format=_torch().channels_last)
        self.slices = int(bundle.inference["network_def"].get("slices", 3))
        self._case: SynthesisCase | None = None

    def case(self, prepared: Prepared) -> SynthesisCase:
        """The case on this model; the last one is kept, so that asking again costs nothing."""
        if self._case is None or self._case.prepared is not prepared:
            self._case = SynthesisCase(self, prepared)
        return self._case

    def map(self, prepared: Prepared, modalities: Sequence[str]) -> Steps[sitk.Image]:
        """As :meth:`SynthesisCase.map`."""
        case = self.case(prepared)
        yield Progress(0.0, "laying out the slices")
        return (yield from case.map(modalities))


class SynthesisCase:
    """One prepared case on one model; slices and latents are kept, so that switching a modality costs little."""

    def __init__(self, model: Synthesizer, prepared: Prepared) -> None:
        limits = model.bundle.inference["grid"]
        self.model, self.prepared = model, prepared
        self.grid = WorkingGrid.around(
            prepared.brain, limits["in_plane_mm"], limits["thinnest_mm"], limits["thickest_mm"]
        )
        self.brain = axial_array(prepared.brain) > 0
        self._stacks: dict[str, torch.Tensor] = {}
        self._latents: dict[str, list[Any]] = {}

    def forget(self, names: Sequence[str] = INPUTS) -> None:
        """Drop what is kept of these modalities."""
        for name in names:
            self._stacks.pop(name, None)
            self._latents.pop(name, None)

    def map(self, modalities: Sequence[str]) -> Steps[sitk.Image]:
        """Make the map; yields after every few slices.

        Returns
        -------
        CBV in mL/100 g on the prepared grid (float32), 0 outside the brain.

        Raises
        ------
        InputError, ModelError
            As :func:`supported`; also if the network gave values that are no numbers.
        """
        chosen = supported(self.model, tuple(self.prepared.images), modalities)
        separate = hasattr(self.model.network, "encode")  # each modality by itself
        new = [name for name in chosen if name not in self._latents] if separate else []
        for number, name in enumerate(new):
            shares = number / (len(new) + 1), (number + 1) / (len(new) + 1)
            yield from part(self.encode(name), *shares, f"reading {MODALITIES[name].label} ")
        values = yield from part(
            self.decode(chosen) if separate else self._whole(chosen), len(new) / (len(new) + 1), 1.0
        )
        if not np.isfinite(values).all():
            raise ModelError(
                f"The model {self.model.name} gave values that are no numbers on {self.prepared.id}; no map was made."
            )
        values = self.grid.up(values)
        yield Progress(1.0, "finishing")
        values = np.clip(values, 0.0, _UPPER, out=values) * self.brain
        yield Progress(1.0, "finishing")
        return self.grid.image(values, self.prepared.brain)

    def stack(self, name: str) -> Steps[torch.Tensor]:
        """(Z, slices, H, W): the normalised modality on the working grid, every slice with its neighbours."""
        if name not in self._stacks:
            torch = _torch()
            from .preprocessing import normalise

            slices, depth = self.model.slices, self.grid.shape[0]
            values = axial_array(self.prepared.images[name])
            yield Progress(0.0, "")
            values = normalise(values, self.brain, name)
            yield Progress(0.0, "")
            volume = np.pad(self.grid.down(values), ((slices // 2,) * 2, (0, 0), (0, 0)))
            windows = np.stack([volume[k : k + depth] for k in range(slices)], axis=1)
            self._stacks[name] = torch.from_numpy(windows).to(self.model.device, memory_format=torch.channels_last)
        return self._stacks[name]

    def encode(self, name: str) -> Steps[None]:
        """Find and keep the latents of one modality."""
        stack, latents = (yield from self.stack(name)), []
        for words, rows in self._chunks():
            with _torch().inference_mode():
                latents.append(self.model.network.encode(name, stack[rows]))
            yield words
        self._latents[name] = latents  # only now: an encoding that was stopped half-way is not kept

    def decode(self, names: Sequence[str]) -> Steps[np.ndarray]:
        """The map on the working grid, (Z, H, W), from latents that are there."""
        pieces = []
        for number, (words, _) in enumerate(self._chunks()):
            with _torch().inference_mode():
                piece = self.model.network.decode({name: self._latents[name][number] for name in names})
            pieces.append(piece[:, 0].float().cpu().numpy())
            yield words
        return np.concatenate(pieces)

    def _whole(self, names: Sequence[str]) -> Steps[np.ndarray]:
        """The map on the working grid by a network that takes all its modalities at once."""
        stacks = {}
        for name in names:
            stacks[name] = yield from self.stack(name)
        pieces = []
        for words, rows in self._chunks():
            with _torch().inference_mode():
                piece = self.model.network({name: stack[rows] for name, stack in stacks.items()})
            pieces.append(piece[:, 0].float().cpu().numpy())
            yield words
        return np.concatenate(pieces)

    def _chunks(self) -> Iterator[tuple[Progress, slice]]:
        """Slices of one step, and the progress once they are done. Slices are independent: there are no seams."""
        depth = self.grid.shape[0]
        for z in range(0, depth, _CHUNK):
            end = min(z + _CHUNK, depth)
            yield Progress(end / depth, f"slice {end} of {depth}"), slice(z, end)


def provenance(model: Synthesizer, prepared: Prepared, modalities: Sequence[str]) -> dict[str, Any]:
    """What a map's sidecar says: unit, inputs and their hashes, bundle, version."""
    return {
        "Description": f"Synthetic cerebral blood volume from {', '.join(MODALITIES[m].label for m in modalities)}",
        "Units": MODALITIES["CBV"].unit,
        "Synthetic": True,
        "IntendedUse": "Research use only",
        "Modalities": list(modalities),
        "Bundle": {
            "name": model.name,
            "network": model.bundle.network_name,
            "version": model.bundle.metadata.get("version"),
            "sha256": model.bundle.sha256,
        },
        "Device": model.device,
        "SynthPerfVersion": __version__,
        "Preparation": dict(prepared.record),
    }


def cautions(model: Synthesizer, prepared: Prepared, modalities: Sequence[str]) -> list[str]:
    """Sentences about an input that is unlike what the model was trained on, or of doubtful quality."""
    limits = model.bundle.inference["grid"]
    said = [
        flag["words"] + "."
        for flag in prepared.record.get("flags", [])
        if not flag["ok"] and _concerns(flag, modalities)
    ]
    spacing = sorted(prepared.brain.GetSpacing())
    if spacing[1] > 2 * limits["in_plane_mm"]:
        said.append(
            f"Voxels of {spacing[1]:.1f} mm are coarser than the {limits['in_plane_mm']} mm the model was trained on: "
            "fine structure is missing from the map."
        )
    return said


def _concerns(flag: dict[str, Any], modalities: Sequence[str]) -> bool:
    """Whether a quality flag is about the brain or a modality in use."""
    subject = str(flag["name"]).split()[0]
    return subject in modalities or subject not in MODALITIES


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise DependencyError(
            "Making a map needs PyTorch: pip install torch (in Slicer: the PyTorch extension)."
        ) from error
    return torch
