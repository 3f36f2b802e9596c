from __future__ import annotations

import time

import numpy as np
import pytest
import SimpleITK as sitk
from SynthPerfLib.errors import InputError, ModelError
from SynthPerfLib.images import array, same_grid
from SynthPerfLib.jobs import Job
from SynthPerfLib.modality import INPUTS
from SynthPerfLib.networks import trees
from SynthPerfLib.preprocessing import Prepared

SHAPE = (10, 32, 30)


def prepared(
    seed: int,
    relation: str = "voxel",
    spacing: tuple[float, float, float] = (2.0, 2.0, 4.0),
    without: tuple[str, ...] = (),
) -> Prepared:
    """A brain of smooth random tissue.

    ``relation``: CBV follows ADC and ASL at the voxel (``voxel``), or the surroundings of a noisy ASL (``context``).
    """
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    brain = z**2 / 1.1 + y**2 + x**2 <= 0.9
    smooth = {name: gaussian_filter(random.normal(0, 1, SHAPE), 1.5) for name in INPUTS}
    smooth = {name: values / values.std() for name, values in smooth.items()}
    values = {name: 500 + 100 * smooth[name] for name in INPUTS}
    values["ADC"] = 900 + 150 * smooth["ADC"]
    asl = np.clip(50 + 12 * smooth["ASL"], 1, None)
    values["ASL"] = asl + (random.normal(0, 15, SHAPE) if relation == "context" else 0)
    values["CBV"] = np.clip(0.06 * asl + (0.002 * (900 - values["ADC"]) if relation == "voxel" else 0), 0, None)
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[4:6, 14:18, 14:18] = 1

    def image(v: np.ndarray, kind: int = sitk.sitkFloat32) -> sitk.Image:
        made = sitk.Cast(sitk.GetImageFromArray(v.astype(np.float32)), kind)
        made.SetSpacing(spacing)
        return made

    images = {name: image(v) for name, v in values.items() if name not in without}
    return Prepared(f"sub-{seed}", images, image(brain, sitk.sitkUInt8), image(lesion, sitk.sitkUInt8), {})


def error(model, case: Prepared) -> float:
    inside = sitk.GetArrayFromImage(case.brain) > 0
    made = array(Job(model.map(case, model.modalities)).run())
    return float(np.abs(made - case.values("CBV"))[inside].mean())


@pytest.fixture(scope="module")
def training() -> list[Prepared]:
    return [prepared(seed) for seed in range(4)]


def test_voxel_trees_learn_a_relation_of_two_modalities_and_need_both(training):
    unseen = prepared(99)
    spread = float(np.std(unseen.values("CBV")[sitk.GetArrayFromImage(unseen.brain) > 0]))
    both = error(trees.fit(training, ["ADC", "ASL"], context=False), unseen)
    one = error(trees.fit(training, ["ASL"], context=False), unseen)
    assert both < 0.15 * spread
    assert both < 0.6 * one


def test_surroundings_help_where_the_voxel_alone_is_noise():
    noisy = [prepared(seed, "context") for seed in range(4)]
    unseen = prepared(99, "context")
    voxel = error(trees.fit(noisy, ["ASL"], context=False), unseen)
    context = error(trees.fit(noisy, ["ASL"], context=True), unseen)
    assert context < 0.85 * voxel


def test_the_map_lies_on_the_cases_grid_is_zero_outside_the_brain_and_never_negative(training):
    unseen = prepared(7)
    model = trees.fit(training, ["T1", "ASL"], seed=5)
    made = Job(model.map(unseen, ("ASL", "T1"))).run()
    assert same_grid(made, unseen.brain)
    outside = sitk.GetArrayFromImage(unseen.brain) == 0
    assert (array(made)[outside] == 0).all()
    assert array(made).min() >= 0
    assert array(made)[~outside].min() > 0.2  # every brain voxel was predicted
    assert (model.name, model.modalities, model.any_subset) == ("context_trees", ("ASL", "T1"), False)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(training):
    unseen = prepared(7)

    def made(seed: int) -> tuple[str, np.ndarray]:
        samples = Job(trees.sample(training, len(training), seed, voxels=3000)).run()
        model = trees.fit_samples(samples, ["ASL"], context=False)
        return model.sha256, array(Job(model.map(unseen, ["ASL"])).run())

    first, again, other = made(1), made(1), made(2)
    assert first[0] == again[0]
    assert (first[1] == again[1]).all()
    assert first[0] != other[0]


def resliced(case: Prepared, factor: int) -> Prepared:
    """The same head with every voxel split in ``factor`` along each axis."""

    def finer(image: sitk.Image) -> sitk.Image:
        values = sitk.GetArrayFromImage(image)
        for axis in range(3):
            values = values.repeat(factor, axis)
        made = sitk.GetImageFromArray(values)
        made.SetSpacing([s / factor for s in image.GetSpacing()])
        made.SetOrigin(
            [o - s * (factor - 1) / factor / 2 for o, s in zip(image.GetOrigin(), image.GetSpacing(), strict=True)]
        )
        return made

    images = {name: finer(image) for name, image in case.images.items()}
    return Prepared(case.id, images, finer(case.brain), finer(case.lesion), {})


def test_surroundings_are_measured_in_mm_so_that_a_finer_grid_gives_the_same_map(training):
    model = trees.fit(training, ["ASL", "ADC"])
    case = prepared(99)
    plain = array(Job(model.map(case, model.modalities)).run())
    fine = array(Job(model.map(resliced(case, 2), model.modalities)).run())
    coarse = fine.reshape(*[m for n in SHAPE for m in (n, 2)]).mean((1, 3, 5))
    inside = sitk.GetArrayFromImage(case.brain) > 0
    assert np.abs(coarse - plain)[inside].mean() < 0.25 * np.std(plain[inside])
    assert np.corrcoef(coarse[inside], plain[inside])[0, 1] > 0.95


def test_the_storage_order_does_not_change_the_map(training):
    model = trees.fit(training, ["ASL", "ADC"])
    case = prepared(99)
    plain = array(Job(model.map(case, model.modalities)).run())
    for code in ("RAS", "SPL", "AIR"):
        images = {name: sitk.DICOMOrient(image, code) for name, image in case.images.items()}
        turned = Prepared(case.id, images, sitk.DICOMOrient(case.brain, code), sitk.DICOMOrient(case.lesion, code), {})
        made = Job(model.map(turned, model.modalities)).run()
        assert same_grid(made, turned.brain)
        assert np.abs(array(sitk.DICOMOrient(made, "LPS")) - plain).max() < 1e-4


def test_lesions_are_drawn_more_often_than_they_occur_but_not_twice(training):
    samples = Job(trees.sample(training[:1], 1, 0, voxels=200)).run()
    marked = {**training[0].images, "CBV": sitk.Cast(training[0].lesion, sitk.sitkFloat32)}
    share = Job(
        trees.sample([Prepared("sub-0", marked, training[0].brain, training[0].lesion, {})], 1, 0, voxels=200)
    ).run()
    assert (share.target > 0.5).mean() == pytest.approx(trees.LESION_SHARE, abs=0.02)
    inside, lesion = (sitk.GetArrayFromImage(m) > 0 for m in (training[0].brain, training[0].lesion))
    assert lesion.sum() / inside.sum() < 0.01
    assert len(np.unique(samples.target)) == len(samples.target) == 200


def test_cases_without_asl_are_left_out_only_where_the_combination_has_asl(training):
    mixed = [*training[:2], *[prepared(seed, without=("ASL",)) for seed in (10, 11)]]
    samples = Job(trees.sample(mixed, len(mixed), 0, voxels=4000)).run()
    from_asl = trees.fit_samples(samples, ["ASL", "ADC"], context=False)
    alone = Job(trees.sample(training[:2], 4, 0, voxels=4000)).run()
    assert from_asl.sha256 == trees.fit_samples(alone, ["ASL", "ADC"], context=False).sha256
    assert (
        trees.fit_samples(samples, ["ADC"], context=False).sha256
        != trees.fit_samples(alone, ["ADC"], context=False).sha256
    )


def test_the_training_target_is_cut_at_25(training):
    case = training[0]
    images = {**case.images, "CBV": case.images["CBV"] * 100}
    samples = Job(trees.sample([Prepared("sub-1", images, case.brain, None, {})], 1, 0, voxels=500)).run()
    assert samples.target.max() == pytest.approx(25.0, rel=1e-5)


def test_scaled_asl_finds_the_gain():
    cases = [prepared(seed) for seed in range(2)]
    exact = [Prepared(c.id, {**c.images, "CBV": c.images["ASL"] * 0.05}, c.brain, None, {}) for c in cases]
    model = trees.fit_asl(Job(trees.sample(exact, 2, 0)).run())
    assert model.gain == pytest.approx(0.05, rel=1e-4)
    assert error(model, exact[0]) < 1e-3
    assert (model.name, model.modalities) == ("asl_scaled", ("ASL",))


def test_every_floor_is_fitted_for_every_combination_that_the_cases_have():
    cases = [prepared(seed, without=("T1C",)) for seed in range(2)]
    steps = trees.fit_floors(iter(cases), 2, [("ASL",), ("ASL", "T1"), ("ASL", "T1C")])
    job = Job(steps)
    seen = []
    models = job.run(lambda progress: seen.append(progress.fraction))
    assert [(m.name, "+".join(m.modalities)) for m in models] == [
        ("voxel_trees", "ASL"),
        ("voxel_trees", "ASL+T1"),
        ("context_trees", "ASL"),
        ("context_trees", "ASL+T1"),
        ("asl_scaled", "ASL"),
    ]
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] <= 1


def test_wrong_use_is_refused_in_words(training):
    model = trees.fit(training[:1], ["ASL", "T1"], context=False)
    with pytest.raises(ModelError, match=r"fitted for ASL\+T1"):
        Job(model.map(training[0], ["ASL"])).run()
    with pytest.raises(ModelError, match="sub-5 has no ASL"):
        Job(model.map(prepared(5, without=("ASL",)), ["ASL", "T1"])).run()
    with pytest.raises(InputError, match="sub-5 has no real CBV"):
        trees.fit([prepared(5, without=("CBV",))], ["T1"])
    with pytest.raises(InputError, match="No training case"):
        trees.fit([prepared(5, without=("ASL",))], ["ASL"])


def test_a_stopped_map_leaves_nothing_running(training):
    model = trees.fit(training[:1], ["ASL"], context=False)
    job = Job(model.map(training[0], ["ASL"]))
    start = time.perf_counter()
    assert job.step()
    job.cancel()
    assert not job.step()
    assert time.perf_counter() - start < 1
