"""What a quantification starts from: a series, its times and b-values, checked before a number is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import SimpleITK as sitk

from ..case import Name, clean_id, sidecar_of
from ..errors import InputError
from ..headers import IMAGE_ENDINGS
from ..images import array, checked, open_image, read_image, resample, same_grid
from ..jobs import Steps, part
from ..similarity import head_mask

T = TypeVar("T")

_NOT_RAW = ("derivatives", "sourcedata")


@dataclass(frozen=True)
class Series:
    """Volumes of one acquisition.

    Attributes
    ----------
    path
        The image file.
    values
        float32, (volume, z, y, x).
    grid
        A volume that carries the geometry.
    sidecar
        The JSON beside the file; empty if there is none.
    """

    path: Path
    values: np.ndarray
    grid: sitk.Image
    sidecar: Mapping[str, Any]

    @property
    def stem(self) -> str:
        """The file name without its BIDS suffix and ending: ``sub-01_run-2``; for another name ``sub-<letters>``."""
        ending = next(e for e in IMAGE_ENDINGS if self.path.name.lower().endswith(e))
        whole = self.path.name[: -len(ending)]
        return whole.rpartition("_")[0] if Name.parse(self.path.name) else clean_id(whole)


def find(path: Path, place: str, suffix: str, words: str) -> list[Path]:
    """The files to work on: ``path`` itself, or all ``<place>/sub-*_<suffix>`` images of a cohort, case or session.

    Raises
    ------
    InputError
        If there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} does not exist: give an image file, or the folder of a case or a cohort.")
    found = [
        file
        for file in sorted(path.absolute().rglob(f"{place}/sub-*_{suffix}.*"))
        if not set(file.relative_to(path.absolute()).parts) & set(_NOT_RAW)
        and (name := Name.parse(file.name)) is not None
        and "desc" not in name.entities
    ]
    if not found:
        raise InputError(f"{path} holds no {words}: it is looked for as {place}/sub-XXX_{suffix}.nii.gz.")
    return found


def each(files: Sequence[Path], work: Callable[[Path], Steps[T]]) -> Steps[list[T]]:
    """Do ``work`` for one file after the other; the results in their order.

    Raises
    ------
    InputError
        If a file is not usable. With several files the others are done first and the sentence names all that failed.
    """
    results: list[T] = []
    failures: list[str] = []
    for number, file in enumerate(files):
        share = number / len(files), (number + 1) / len(files)
        try:
            results.append((yield from part(work(file), *share, f"{file.name}: " if len(files) > 1 else "")))
        except InputError as error:
            if len(files) == 1:
                raise
            failures.append(f"{file.name}: {error}")
    if failures:
        raise InputError(f"{len(failures)} of {len(files)} series have no maps, the others do. " + " ".join(failures))
    return results


def read_series(path: Path, at_least: int) -> Series:
    """Read a series of ``at_least`` volumes and its sidecar; a single volume is a series of one where that suffices.

    Raises
    ------
    InputError
        If a file is not usable or the series is too short.
    """
    image = open_image(path)
    if image.GetDimension() == 3:
        image = sitk.JoinSeries([image])
    if image.GetDimension() != 4:
        raise InputError(f"{path.name} has {image.GetDimension()} dimensions, a series of volumes is due here.")
    size, count = list(image.GetSize()[:3]), image.GetSize()[3]
    if count < at_least:
        raise InputError(f"{path.name} has {count} volumes, at least {at_least} are needed here.")
    volumes = (sitk.Extract(image, [*size, 0], [0, 0, 0, number]) for number in range(count))
    checked_volumes = [checked(volume, path.name, may_be_empty=True) for volume in volumes]
    values = np.stack([array(volume) for volume in checked_volumes])
    if values.min() == values.max():
        raise InputError(f"{path.name} is empty: every voxel is {values.max():g}.")
    return Series(path, values, checked_volumes[0], read_sidecar(path))


def read_sidecar(path: Path) -> dict[str, Any]:
    """The JSON beside an image; empty if there is none.

    Raises
    ------
    InputError
        If it is not a JSON object.
    """
    file = sidecar_of(path)
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{file.name} is not readable JSON ({error}): correct or delete it.") from error
    if not isinstance(content, dict):
        raise InputError(f"{file.name} holds no JSON object: correct or delete it.")
    return content


def read_mask(path: Path, grid: sitk.Image) -> np.ndarray:
    """A mask on ``grid`` (nearest neighbour), bool, (z, y, x).

    Raises
    ------
    InputError
        If the file is not usable or no voxel of it lies in the grid.
    """
    mask = read_image(path)
    here = mask if same_grid(mask, grid) else resample(mask, grid, nearest=True)
    inside: np.ndarray = sitk.GetArrayFromImage(here) != 0
    if not inside.any():
        raise InputError(f"{path.name} marks nothing in the field of view of the series: is it of another patient?")
    return inside


def mask_of(series: Series, volume: np.ndarray, mask: Path | None) -> np.ndarray:
    """The voxels to work on: those of the given mask, else the head as ``volume`` (z, y, x) shows it."""
    if mask is not None:
        return read_mask(mask, series.grid)
    image = sitk.GetImageFromArray(volume.astype(np.float32))
    image.CopyInformation(series.grid)
    return head_mask(image) & (volume > 0)


def seconds(
    series: str,
    sidecar: Mapping[str, Any],
    key: str,
    allowed: tuple[float, float],
    option: str,
    given: float | None = None,
) -> float:
    """One time in seconds: the one given, else that of the sidecar.

    Parameters
    ----------
    series
        The file's name, for the sentence.
    key
        BIDS' name of the time.
    allowed
        Least and largest possible, s.
    option
        The option of the command line that gives it.

    Raises
    ------
    InputError
        If there is none, or it is not a possible number of seconds (above all, because it is in ms).
    """
    times = many_seconds(series, sidecar, key, allowed, option, None if given is None else [given])
    if len(set(times)) > 1:
        raise InputError(f"{series} has {len(times)} values of {key}, one is due: give {option}.")
    return times[0]


def many_seconds(
    series: str,
    sidecar: Mapping[str, Any],
    key: str,
    allowed: tuple[float, float],
    option: str,
    given: Sequence[float] | None = None,
) -> list[float]:
    """As :func:`seconds`, for a number or a list of numbers."""
    source, value = (option, list(given)) if given else (f"{key} of {series}", sidecar.get(key))
    if value is None:
        raise InputError(f"{series} has no {key} in its sidecar: give {option} in seconds.")
    times = value if isinstance(value, list) else [value]
    low, high = allowed
    for time in times:
        if isinstance(time, bool) or not isinstance(time, (int, float)) or not np.isfinite(time):
            raise InputError(f"{source} is {time!r}: a number of seconds is due.")
        if not low <= time <= high:
            ms = f"; it is probably in ms, write {time / 1000:g}" if low <= time / 1000 <= high and time > 0 else ""
            raise InputError(f"{source} is {time:g} s, {low:g} to {high:g} s is possible{ms}.")
    if not times:
        raise InputError(f"{source} is an empty list: give {option} in seconds.")
    return [float(time) for time in times]


def read_b_values(path: Path, volumes: int, image: str) -> np.ndarray:
    """The b-values of a series, s/mm2.

    Parameters
    ----------
    path
        Text file with one number for each volume, separated by white space (FSL's and BIDS' ``.bval``).
    volumes
        How many there must be.
    image
        The series' file name, for the sentence.

    Raises
    ------
    InputError
        If the file is missing, holds something else, the wrong count, or values that are not in s/mm2.
    """
    if not path.is_file():
        raise InputError(f"{image} has no b-values: {path.name} is not beside it, give the file with --bval.")
    try:
        values = np.array([float(word) for word in path.read_text(encoding="utf-8-sig").replace(",", " ").split()])
    except ValueError as error:
        raise InputError(f"{path.name} is not a list of numbers: it holds one b-value for each volume.") from error
    if len(values) != volumes:
        raise InputError(f"{path.name} has {len(values)} b-values, {image} has {volumes} volumes: they must agree.")
    if not np.all(np.isfinite(values)) or values.min(initial=0) < 0:
        raise InputError(f"{path.name} has a b-value that is negative or not finite: correct it.")
    if 0 < values.max() < 20:
        raise InputError(
            f"{path.name} ends at b = {values.max():g}: b-values are due in s/mm2, these are probably in ms/um2, "
            "multiply by 1000."
        )
    return values
