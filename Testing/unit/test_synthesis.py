"""Maps: the same for the same head, whatever the storage, the steps or the order of the user's clicks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import SynthPerfLib.synthesis as synthesis
import torch
from made_cases import NAMES, a_bundle, smooth_case
from SynthPerfLib.errors import InputError, ModelError
from SynthPerfLib.images import array
from SynthPerfLib.jobs import Job
from SynthPerfLib.preprocessing import Prepared
from SynthPerfLib.synthesis import SynthesisCase, Synthesizer, cautions, choose_device, supported


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    return Synthesizer(a_bundle(tmp_path_factory.mktemp("bundle") / "random"), "cpu")


@pytest.fixture(scope="module")
def case() -> Prepared:
    return smooth_case(NAMES)


def made(model: Synthesizer, case: Prepared, names: tuple[str, ...] = NAMES) -> np.ndarray:
    return array(Job(SynthesisCase(model, case).map(names)).run())


def test_repeats_are_bit_identical_and_lie_in_the_brain(model: Synthesizer, case: Prepared) -> None:
    first, second = made(model, case), made(model, case)
    assert np.array_equal(first, second)
    assert np.ptp(first) > 1
    assert not first[sitk.GetArrayFromImage(case.brain) == 0].any()


def test_switching_modalities_ends_at_the_same_map_as_a_fresh_run(model: Synthesizer, case: Prepared) -> None:
    kept = SynthesisCase(model, case)
    for names in (NAMES, ("T1", "T2"), ("ASL",), ("ASL", "T1C"), NAMES):
        assert np.array_equal(array(Job(kept.map(names)).run()), made(model, case, names))


def test_switching_encodes_only_what_is_new(
    model: Synthesizer, case: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, encoded = SynthesisCase(model, case), []
    original = SynthesisCase.encode
    monkeypatch.setattr(SynthesisCase, "encode", lambda self, name: encoded.append(name) or original(self, name))
    for names in (("ASL", "T1"), ("ASL", "T1", "T2"), ("T2",), ("ASL", "T1")):
        Job(kept.map(names)).run()
    assert encoded == ["ASL", "T1", "T2"]


def test_a_run_stopped_half_way_leaves_nothing_wrong_behind(model: Synthesizer, case: Prepared) -> None:
    kept = SynthesisCase(model, case)
    for steps in (1, 2, 5, 9):
        job = Job(kept.map(NAMES))
        for _ in range(steps):
            job.step()
        job.cancel()
    assert np.array_equal(array(Job(kept.map(NAMES)).run()), made(model, case))


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_working_in_pieces_leaves_no_seam(
    model: Synthesizer, case: Prepared, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(model, case)
    monkeypatch.setattr(synthesis, "_CHUNK", chunk)
    assert np.abs(made(model, case) - whole).max() < 1e-4


def test_the_48_storage_orders_and_an_oblique_head_give_the_same_map(model: Synthesizer, case: Prepared) -> None:
    names = ("ASL", "T1")
    expected = Job(SynthesisCase(model, case).map(names)).run()
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):

            def stored(image: sitk.Image, order=order, flips=flips) -> sitk.Image:
                return sitk.Flip(sitk.PermuteAxes(image, order), flips)

            images = {name: stored(case.images[name]) for name in names}
            other = Prepared(case.id, images, stored(case.brain), None, case.record)
            map_ = Job(SynthesisCase(model, other).map(names)).run()
            assert np.abs(array(map_) - array(stored(expected))).max() < 1e-5
            assert np.allclose(map_.GetDirection(), other.brain.GetDirection())
    # The whole head turned in the scanner: the voxels are the same, so must be the map, on the turned grid.
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.15, 0.1, (5, -8, 11))

    def turned(image: sitk.Image) -> sitk.Image:
        result = sitk.Image(image)
        result.SetOrigin(turn.TransformPoint(image.GetOrigin()))
        matrix = np.array(turn.GetMatrix()).reshape(3, 3) @ np.array(image.GetDirection()).reshape(3, 3)
        result.SetDirection(matrix.ravel())
        return result

    oblique = Prepared(case.id, {n: turned(case.images[n]) for n in names}, turned(case.brain), None, case.record)
    map_ = Job(SynthesisCase(model, oblique).map(names)).run()
    assert np.abs(array(map_) - array(expected)).max() < 1e-5
    assert map_.GetOrigin() == oblique.brain.GetOrigin()


def test_right_stays_right(model: Synthesizer, case: Prepared) -> None:
    """A mirrored head gives another map; only mirroring the storage gives the same."""
    mirrored = {name: sitk.Flip(image, (True, False, False)) for name, image in case.images.items()}
    for name, image in mirrored.items():
        image.CopyInformation(case.images[name])
    brain = sitk.Flip(case.brain, (True, False, False))
    brain.CopyInformation(case.brain)
    other = made(model, Prepared(case.id, mirrored, brain, None, case.record))
    assert np.abs(other - made(model, case)).max() > 0.1


def test_what_cannot_be_mapped_is_refused_in_words(model: Synthesizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no FLAIR"):
        supported(model, NAMES, ["FLAIR"])
    with pytest.raises(InputError, match="Unknown modality PET"):
        supported(model, NAMES, ["PET"])
    with pytest.raises(InputError, match="none of the inputs"):
        supported(model, ("FLAIR", "CBV"))
    with pytest.raises(ModelError, match="not trained with FLAIR"):
        supported(model, (*NAMES, "FLAIR"), ["FLAIR", "T1"])
    fixed = Synthesizer(a_bundle(tmp_path / "fixed", "encoder_decoder", ("ASL", "T1")), "cpu")
    with pytest.raises(ModelError, match=r"exactly ASL\+T1"):
        supported(fixed, NAMES, ["ASL"])
    with pytest.raises(InputError, match="Unknown device"):
        choose_device("tpu")


def test_a_network_for_one_combination_works_too(tmp_path: Path, case: Prepared) -> None:
    fixed = Synthesizer(a_bundle(tmp_path / "fixed", "encoder_decoder", ("ASL", "T1")), "cpu")
    map_ = made(fixed, case, ("ASL", "T1"))
    assert np.ptp(map_) > 0.5


def test_numbers_that_are_none_are_never_shown(tmp_path: Path, case: Prepared) -> None:
    model = Synthesizer(a_bundle(tmp_path / "broken"), "cpu")
    with torch.no_grad():
        model.network.get_parameter("decoder.head.bias").fill_(float("nan"))
    with pytest.raises(ModelError, match="no numbers"):
        made(model, case)


def test_doubtful_input_is_said(model: Synthesizer, case: Prepared) -> None:
    flags = [
        {"name": "T1 coverage", "ok": False, "words": "T1 covers 60% of the brain"},
        {"name": "FLAIR coverage", "ok": False, "words": "FLAIR covers 50% of the brain"},
        {"name": "brain volume", "ok": False, "words": "brain of 300 mL"},
    ]
    doubtful = Prepared(case.id, case.images, case.brain, None, {"flags": flags})
    assert cautions(model, doubtful, ("T1",)) == ["T1 covers 60% of the brain.", "brain of 300 mL."]
