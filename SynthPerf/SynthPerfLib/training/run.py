"""The training loop: the same script on one CPU, one GPU or, by ``torchrun``, several devices."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..bundle import CARD, METADATA, Bundle, write_bundle
from ..case import Case
from ..cohort import Cohort
from ..errors import DependencyError, InputError
from ..images import written_whole
from ..jobs import Progress, Steps, part
from ..networks import build
from . import checkpoint
from .data import Batch, Sampler, WorkingCase, load_working_cases
from .losses import map_loss, ssim_map
from .model_card import model_card
from .recipe import Recipe

_VALIDATION_SHARE = 8  # every eighth training patient is kept for validation


def train(cohorts: Sequence[Cohort], recipe: Recipe, out: Path) -> Steps[Bundle]:
    """Train a network and write its bundle.

    A run that was killed goes on from its last checkpoint when started again with the same recipe, cohort and folder,
    and ends with the same weights as an undisturbed one (bit for bit on the CPU with the same number of threads).

    Parameters
    ----------
    cohorts
        Prepared cohorts of different patients; the ``train`` patients of each are used (all, where there is no split).
    out
        The bundle's folder; ``training/`` in it holds log, checkpoint and cache while the run goes on.

    Raises
    ------
    InputError
        If the cohort has no usable training case, or ``out`` holds another run.
    """
    work = out / "training"
    training, validation = _split(cohorts)
    key = _key(recipe, training, validation)
    if (out / METADATA).is_file():
        done = Bundle.open(out)
        if done.metadata.get("training", {}).get("key") != key:
            raise InputError(f"{out} holds a bundle of another run: choose another --out.")
        _tidy(done)
        return done

    fabric = _fabric(recipe)
    if not fabric.is_global_zero:
        fabric.barrier()  # one device fills the cache, the others read it
    cases = yield from part(load_working_cases(training + validation, recipe, work / "cache"), 0.0, 0.05)
    if fabric.is_global_zero:
        fabric.barrier()
    sampler = Sampler(cases[: len(training)], recipe, _slices(recipe))
    held_out = cases[len(training) :]

    torch.manual_seed(recipe.seed)
    network = build(recipe.network, {"modalities": list(recipe.modalities), **recipe.options})
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    model, optimizer = fabric.setup(network, adam)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    saved = work / "checkpoint.safetensors"
    start = checkpoint.restore(saved, network, average, adam, key) if saved.is_file() else 0
    log = _Log(work, start)

    share = recipe.batch // fabric.world_size
    places = range(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    if share * fabric.world_size != recipe.batch:
        raise InputError(f"The batch of {recipe.batch} cannot be shared by {fabric.world_size} devices evenly.")
    for step in range(start, recipe.steps):
        for group in adam.param_groups:
            group["lr"] = _rate(recipe, step)
        batch = _tensors(sampler.batch(step, places), fabric.device)
        maps = model(batch["inputs"], batch["present"])
        views = len(maps) // share
        target, brain, lesion = (batch[name].repeat(views, 1, 1, 1) for name in ("target", "brain", "lesion"))
        loss = map_loss(maps, target, brain, lesion, recipe)
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=recipe.gradient_limit)
        optimizer.step()
        optimizer.zero_grad()
        _follow(average, network, min(recipe.average, (1 + step) / (10 + step)))
        log.losses.append(float(loss.detach()))
        last = step + 1 == recipe.steps
        if (step + 1) % recipe.validate_every == 0 or last:
            log.row(step + 1, _rate(recipe, step), validate(recipe, average, held_out, fabric.device))
        if (step + 1) % recipe.checkpoint_every == 0 or last:
            if fabric.is_global_zero:
                checkpoint.save(saved, step + 1, network, average, adam, key)
                log.write()
            fabric.barrier()
        if fabric.is_global_zero:
            yield Progress(
                0.05 + 0.95 * (step + 1) / recipe.steps, f"step {step + 1} of {recipe.steps}, loss {log.recent:.3f}"
            )

    if fabric.is_global_zero:
        _tidy(_bundle(cohorts, recipe, out, average, log, key, cases[: len(training)], held_out))
    fabric.barrier()
    return Bundle.open(out)


def _tidy(bundle: Bundle) -> None:
    """What is left to do once the bundle itself is whole: its card, and away with the run's scaffolding."""
    with written_whole(bundle.folder / CARD) as temporary:
        temporary.write_text(model_card(bundle), encoding="utf-8")
    work = bundle.folder / "training"
    (work / "checkpoint.safetensors").unlink(missing_ok=True)
    for file in (work / "cache").glob("*.npz"):
        file.unlink()


def validate(
    recipe: Recipe, weights: Mapping[str, torch.Tensor], cases: Sequence[WorkingCase], device: torch.device
) -> dict[str, float]:
    """MAE, root mean squared error and SSIM over whole validation cases on the working grid, all modalities given."""
    network = build(recipe.network, {"modalities": list(recipe.modalities), **recipe.options})
    network.load_state_dict(dict(weights))
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    slices = _slices(recipe)
    errors, similarities, squares = [], [], []
    for case in cases:
        if not recipe.any_subset and not set(recipe.modalities) <= set(case.inputs):
            continue
        with torch.inference_mode():
            inputs = {
                n: stacked(torch.from_numpy(v.astype(np.float32)).to(device), slices) for n, v in case.inputs.items()
            }
            brain = torch.from_numpy(case.brain).to(device)[:, None]
            map_ = network(inputs).float().clamp(0.0, 10.0) * brain
            target = torch.from_numpy(case.target.astype(np.float32)).to(device)[:, None].clamp(0.0, 10.0)
            errors.append(float((map_ - target).abs()[brain].mean()))
            squares.append(float((map_ - target).square()[brain].mean()))
            similarities.append(float(ssim_map(map_, target)[brain[:, :, 3:-3, 3:-3]].mean()))
    if not errors:
        return {}
    return {
        "validation_mae": float(np.mean(errors)),
        "validation_rmse": float(np.sqrt(np.mean(squares))),
        "validation_ssim": float(np.mean(similarities)),
    }


def stacked(volume: torch.Tensor, slices: int) -> torch.Tensor:
    """(Z, H, W) -> (Z, slices, H, W): every slice with its neighbours, zero beyond the ends."""
    reach = slices // 2
    padded = torch.nn.functional.pad(volume, (0, 0, 0, 0, reach, reach))
    return torch.stack([padded[k : k + len(volume)] for k in range(slices)], dim=1)


def _split(cohorts: Sequence[Cohort]) -> tuple[list[Case], list[Case]]:
    """Training and validation cases, by patient."""
    training: list[Case] = []
    validation: list[Case] = []
    for cohort in cohorts:
        cases = cohort.split("train") or cohort.cases
        patients = sorted({case.participant for case in cases})
        held_out = set(patients[_VALIDATION_SHARE - 1 :: _VALIDATION_SHARE])
        training += [c for c in cases if c.participant not in held_out]
        validation += [c for c in cases if c.participant in held_out]
    if not training:
        raise InputError(f"{cohorts[0].folder} has no training patient: give a prepared cohort with at least one.")
    return training, validation


def _key(recipe: Recipe, training: Sequence[Case], validation: Sequence[Case]) -> str:
    """Hash of all that decides the result: recipe and cases."""
    content = [recipe.as_dict(), [c.id for c in training], [c.id for c in validation]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _fabric(recipe: Recipe) -> Any:
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ImportError as error:
        raise DependencyError("Training needs Lightning Fabric: pip install 'synthperf[training]'.") from error
    world = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    precision: Any = recipe.precision
    if precision == "auto":
        precision = "bf16-mixed" if gpu or _bf16_units() else "32-true"
    # A modality that no sample of a device's share has leaves its encoder without a gradient.
    strategy = DDPStrategy(find_unused_parameters=True) if world > 1 else "auto"
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="cuda" if gpu else "cpu", devices=world, num_nodes=nodes, strategy=strategy, precision=precision
    )
    fabric.launch()
    return fabric


def _bf16_units() -> bool:
    """Whether this CPU multiplies bfloat16 itself (elsewhere it is emulated, and slower than single precision)."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # an older torch cannot tell
    capabilities: Mapping[str, Any] = {} if tell is None else tell()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _slices(recipe: Recipe) -> int:
    return int(recipe.options.get("slices", 3))


def _rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine down to 1 % of the learning rate."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    share = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def _tensors(batch: Batch, device: torch.device) -> dict[str, Any]:
    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device, memory_format=torch.channels_last)

    return {
        "inputs": {name: tensor(values) for name, values in batch.inputs.items()},
        "present": {name: torch.from_numpy(values).to(device) for name, values in batch.present.items()},
        "target": tensor(batch.target),
        "brain": tensor(batch.brain),
        "lesion": tensor(batch.lesion),
    }


@torch.no_grad()
def _follow(average: dict[str, torch.Tensor], network: torch.nn.Module, decay: float) -> None:
    state = network.state_dict()
    torch._foreach_lerp_([average[n] for n in average], [state[n] for n in average], 1.0 - decay)


class _Log:
    """Losses and validations of a run: ``log.csv`` and TensorBoard events."""

    def __init__(self, folder: Path, start: int) -> None:
        self.folder = folder
        self.losses: list[float] = []
        self.rows: list[dict[str, float]] = []
        file = folder / "log.csv"
        if file.is_file():
            with file.open(encoding="utf-8", newline="") as stream:
                rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(stream)]
            self.rows = [row for row in rows if row["step"] <= start]

    @property
    def recent(self) -> float:
        """Mean loss of the last 100 steps."""
        return float(np.mean(self.losses[-100:]))

    def row(self, step: int, rate: float, validation: Mapping[str, float]) -> None:
        self.rows.append({"step": step, "rate": rate, "loss": float(np.mean(self.losses[-2000:])), **validation})

    def write(self) -> None:
        columns = ["step", "rate", "loss", "validation_mae", "validation_rmse", "validation_ssim"]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in self.rows)
        with written_whole(self.folder / "log.csv") as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")
        self._events()

    def _events(self) -> None:
        """The same rows for TensorBoard, where it is installed; written anew, so that a resumed run has no double."""
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            return
        with written_whole(self.folder / "events.out.tfevents.0.run") as temporary, temporary.open("wb") as stream:
            writer = RecordWriter(stream)
            writer.write(Event(file_version="brain.Event:2").SerializeToString())
            for row in self.rows:
                values = [Summary.Value(tag=tag, simple_value=value) for tag, value in row.items() if tag != "step"]
                writer.write(Event(step=int(row["step"]), summary=Summary(value=values)).SerializeToString())
            writer.flush()


def _bundle(
    cohorts: Sequence[Cohort],
    recipe: Recipe,
    out: Path,
    average: Mapping[str, torch.Tensor],
    log: _Log,
    key: str,
    training: Sequence[WorkingCase],
    held_out: Sequence[WorkingCase],
) -> Bundle:
    last = log.rows[-1]
    metrics = {
        name: round(last[name], 4) for name in ("validation_mae", "validation_rmse", "validation_ssim") if name in last
    }
    recipes = [c.folder / "derivatives" / "phantom" / "recipe.json" for c in cohorts]
    data = {
        "key": key,
        "cases": len(training),
        "validation_cases": len(held_out),
        "with": {name: sum(name in c.inputs for c in training) for name in recipe.modalities},
        "sha256": _data_hash(training),
        "phantoms": [json.loads(file.read_text(encoding="utf-8")) for file in recipes if file.is_file()],
    }
    about = {
        "version": __version__,
        "changelog": {__version__: "first training"},
        "synthperf_version": __version__,
        "pytorch_version": str(torch.__version__).split("+")[0],
        "numpy_version": str(np.__version__),
        "required_packages_version": {"safetensors": ">=0.4", "SimpleITK": ">=2.4"},
        "name": out.resolve().name,
        "task": "synthesis of a cerebral blood volume map",
        "description": f"{recipe.network}: CBV from {', '.join(recipe.modalities)}"
        + (" or any subset of them" if recipe.any_subset else ""),
        "intended_use": "Research use only. Not for diagnosis or treatment.",
        "data_type": "nifti",
        "training": data,
        "recipe": recipe.as_dict(),
        "eval_metrics": metrics,
    }
    return write_bundle(
        out,
        weights=average,
        network=recipe.network,
        options={"modalities": list(recipe.modalities), **recipe.options},
        modalities=recipe.modalities,
        any_subset=recipe.any_subset,
        grid={k: getattr(recipe, k) for k in ("in_plane_mm", "thinnest_mm", "thickest_mm")},
        about=about,
    )


def _data_hash(cases: Sequence[WorkingCase]) -> str:
    digest = hashlib.sha256()
    for case in cases:
        digest.update(case.id.encode())
        for name, values in (*sorted(case.inputs.items()), ("target", case.target)):
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
