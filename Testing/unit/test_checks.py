"""What the voxels tell: wrong unit, wrong place, wrong axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from digital_head import head, reordered
from SynthPerfLib.checks import check_case_images, check_unit
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import like
from SynthPerfLib.similarity import coarse

ORDERS = [(o, f) for o in itertools.permutations(range(3)) for f in itertools.product((False, True), repeat=3)]


def scaled(image: sitk.Image, factor: float) -> sitk.Image:
    return image * factor


def flipped(image: sitk.Image, axis: int) -> sitk.Image:
    """The voxels flipped along one array axis (z, y, x), the header as it is: a wrong header."""
    return like(np.ascontiguousarray(np.flip(sitk.GetArrayFromImage(image), axis)), image)


def flags_of(flags: list[dict]) -> dict[str, dict]:
    return {flag["name"]: flag for flag in flags}


@pytest.mark.parametrize(
    ("modality", "factor", "words"),
    [
        ("ADC", 1e-6, "probably in mm2/s, multiply by 1e\\+06"),
        ("ADC", 1e-3, "probably in 1e-3 mm2/s, multiply by 1000"),
        ("ADC", 1e3, "probably in 1e-9 mm2/s, multiply by 0.001"),
        ("ASL", 200.0, "not in mL/100 g/min: .*2 to 200 is plausible"),
        ("ASL", 0.01, "probably in mL/g/min, multiply by 100"),
        ("CBV", 0.01, "probably in mL/g, multiply by 100"),
    ],
)
def test_wrong_unit_is_named(modality: str, factor: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_unit(scaled(head()[modality], factor), modality, "sub-001_x.nii.gz")


@pytest.mark.parametrize("modality", ["T1", "ADC", "ASL", "CBV"])
def test_right_unit_passes(modality: str) -> None:
    found = check_unit(head()[modality], modality, "x")
    assert (found is None) == (modality == "T1")


@pytest.mark.parametrize("modality", ["T2", "FLAIR", "T1C", "ADC"])
def test_mirrored_image_is_refused(modality: str) -> None:
    images = {"T1": head()["T1"], modality: flipped(head()[modality], 2)}
    with pytest.raises(InputError, match=r"scan\.nii\.gz is mirrored left to right against T1"):
        check_case_images(images, {modality: "scan.nii.gz"})


@pytest.mark.parametrize("modality", ["ASL", "CBV"])
def test_mirrored_map_is_remarked_on(modality: str) -> None:
    images = {"T1": head()["T1"], modality: flipped(head()[modality], 2)}
    assert not flags_of(check_case_images(images))[f"{modality} axes"]["ok"]


def test_upside_down_and_permuted_images_are_refused() -> None:
    images = head()
    with pytest.raises(InputError, match="mirrored top to bottom"):
        check_case_images({"T1": images["T1"], "T2": flipped(images["T2"], 0)})
    turned = like(np.ascontiguousarray(sitk.GetArrayFromImage(images["FLAIR"]).transpose(0, 2, 1)), images["FLAIR"])
    with pytest.raises(InputError, match="axes in another order"):
        check_case_images({"T1": images["T1"], "FLAIR": turned})


@pytest.mark.parametrize("seed", range(4))
def test_right_images_of_any_head_pass(seed: int) -> None:
    images = {name: image for name, image in head(seed).items() if name != "BRAIN"}
    flags = check_case_images(images)
    assert {flag["name"] for flag in flags} == {f"{name} axes" for name in images if name != "T1"}
    assert all(flag["ok"] and flag["value"] < 0.9 for flag in flags)


def test_moved_patient_is_not_mirrored() -> None:
    images = head(1)
    motion = sitk.Euler3DTransform((0.0, -20.0, 0.0), 0.1, -0.05, 0.12, (9.0, -7.0, 5.0))
    moved = {name: sitk.Resample(images[name], images[name], motion) for name in ("T2", "FLAIR", "ADC")}
    assert all(flag["ok"] for flag in check_case_images({"T1": images["T1"], **moved}))


def test_image_elsewhere_is_refused() -> None:
    images = head()
    away = sitk.Image(images["T2"])
    away.SetOrigin(np.add(away.GetOrigin(), (0.0, 0.0, 160.0)).tolist())
    with pytest.raises(InputError, match=r"T2 does not lie where T1 lies: \d+% of the head overlaps"):
        check_case_images({"T1": images["T1"], "T2": away})


def test_a_slab_overlaps() -> None:
    images = head()
    slab = images["ADC"][:, :, 30:40]
    assert all(flag["ok"] for flag in check_case_images({"T1": images["T1"], "ADC": slab}))


def test_coarse_images_are_the_same_in_any_axis_order() -> None:
    image = head()["T2"]
    expected = coarse(image, 6.0)
    for order, flips in ORDERS:
        found = coarse(reordered(image, order, flips), 6.0)
        np.testing.assert_allclose(found.GetOrigin(), expected.GetOrigin(), atol=1e-6)
        np.testing.assert_allclose(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected), rtol=1e-4)


def test_any_axis_order_gives_the_same_verdict() -> None:
    images = {name: head()[name] for name in ("T1", "T2")}
    expected = check_case_images(images)[0]["value"]
    for order, flips in ORDERS[3::9]:
        stored = {"T1": images["T1"], "T2": reordered(images["T2"], order, flips)}
        assert check_case_images(stored)[0]["value"] == pytest.approx(expected, abs=2e-3)
    mirrored = flipped(images["T2"], 2)
    for order, flips in ORDERS[::17]:
        with pytest.raises(InputError, match="mirrored left to right"):
            check_case_images({"T1": images["T1"], "T2": reordered(mirrored, order, flips)})
