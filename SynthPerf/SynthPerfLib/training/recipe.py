"""What a training run does, as a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..modality import INPUTS, combination

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")
"""What arithmetic a run may use: Lightning Fabric's words, or its choice."""

_SHIPPED = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes
    ----------
    network, options
        Architecture and its options (without the modalities).
    modalities
        Inputs of the network.
    any_subset
        Whether the network takes any subset of them (then subsets are drawn at random in training).
    in_plane_mm, thinnest_mm, thickest_mm
        The working grid.
    patch
        (y, x) voxels of a training slice.
    target_limit
        CBV above it (mL/100 g; large vessels) counts as this value in the loss.
    steps, batch, learning_rate, warmup, weight_decay, gradient_limit
        AdamW with linear warm-up and cosine decay; the gradient's norm is limited.
    average
        Decay of the running average of the weights, which is what goes into the bundle.
    lesion_weight, lesion_share
        Weight of lesion voxels in the loss; share of slices drawn from those that show a lesion.
    squared_weight, ssim_weight
        Weights of the mean squared error ((mL/100 g)^2) and of 1 - SSIM beside the mean absolute error (mL/100 g).
    subsets_from
        Share of the run after which a network for any subset is shown random subsets too. Before, it learns what all
        modalities together tell, several times as fast.
    keep_asl
        Share of samples that have ASL, and of the random subsets of their modalities that keep it.
    gain_jitter, offset_jitter
        Standard deviations of the random change of each input's scale and level.
    validate_every, checkpoint_every
        Steps between validations and checkpoints.
    precision
        Lightning Fabric's word: ``32-true``, ``bf16-mixed``, ``16-mixed``; or ``auto`` (bf16-mixed on a GPU and on a
        CPU with bfloat16 units).
    seed
        Start of every random number.
    """

    network: str
    options: Mapping[str, Any] = field(default_factory=dict)
    modalities: tuple[str, ...] = INPUTS
    any_subset: bool = True
    in_plane_mm: float = 1.6
    thinnest_mm: float = 3.0
    thickest_mm: float = 8.0
    patch: tuple[int, int] = (96, 96)
    target_limit: float = 15.0
    steps: int = 20000
    batch: int = 2
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 1e-2
    gradient_limit: float = 1.0
    average: float = 0.999
    lesion_weight: float = 3.0
    lesion_share: float = 0.4
    squared_weight: float = 1.0
    ssim_weight: float = 0.5
    subsets_from: float = 0.5
    keep_asl: float = 0.95
    gain_jitter: float = 0.03
    offset_jitter: float = 0.03
    validate_every: int = 2000
    checkpoint_every: int = 500
    precision: str = "auto"
    seed: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they go into JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def load_recipe(name_or_file: str, modalities: tuple[str, ...] | None = None) -> Recipe:
    """A shipped recipe by name, or one from a YAML file.

    Parameters
    ----------
    modalities
        Used instead of the recipe's own, for networks that are trained one per combination.

    Raises
    ------
    InputError
        If there is no such recipe, or a key or value in it is wrong; the sentence names it.
    """
    path = Path(name_or_file)
    if path.suffix not in (".yaml", ".yml"):
        path = _SHIPPED / f"{name_or_file}.yaml"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in _SHIPPED.glob("*.yaml")))
        raise InputError(f"There is no recipe {name_or_file}: give a YAML file or one of {shipped}.")
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe {path.name} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict) or "network" not in content:
        raise InputError(f"The recipe {path.name} has no key 'network'.")
    if modalities is not None:
        content["modalities"] = list(modalities)
    return _checked(content, path.name)


def _checked(content: dict[str, Any], file: str) -> Recipe:
    known = {f.name: f for f in fields(Recipe)}
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise InputError(f"The recipe {file} has an unknown key '{unknown[0]}': known are {', '.join(known)}.")
    for key, value in content.items():
        kind = str(known[key].type)
        if kind in ("int", "float"):
            if isinstance(value, bool) or not isinstance(value, int | float) or (kind == "int" and value != int(value)):
                raise InputError(f"The recipe {file}: '{key}' must be a number, not {value!r}.")
            if value < 0 or (key in ("steps", "batch", "checkpoint_every", "validate_every") and value < 1):
                raise InputError(f"The recipe {file}: '{key}' is too small ({value}).")
    if content.get("precision", "auto") not in PRECISIONS:
        raise InputError(f"The recipe {file}: 'precision' must be one of {', '.join(PRECISIONS)}.")
    if not isinstance(content.get("any_subset", True), bool):
        raise InputError(f"The recipe {file}: 'any_subset' must be true or false, not {content['any_subset']!r}.")
    if not isinstance(content.get("options", {}), dict):
        raise InputError(f"The recipe {file}: 'options' must be a list of names with values.")
    for key in ("modalities", "patch"):
        if not isinstance(content.get(key, []), list):
            raise InputError(f"The recipe {file}: '{key}' must be a list, not {content[key]!r}.")
    if "modalities" in content:
        content["modalities"] = combination(content["modalities"])
    if "patch" in content:
        patch = tuple(content["patch"])
        if len(patch) != 2 or any(not isinstance(n, int) or n < 32 or n % 8 for n in patch):
            raise InputError(
                f"The recipe {file}: 'patch' must be two multiples of 8, 32 or more, not {content['patch']}."
            )
        content["patch"] = patch
    return Recipe(**content)
