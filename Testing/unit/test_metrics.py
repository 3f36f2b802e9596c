from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from sklearn.metrics import roc_auc_score
from SynthPerfLib.errors import InputError
from SynthPerfLib.evaluation import combinations
from SynthPerfLib.evaluation.metrics import image_metrics, lesion_values, psnr_band
from SynthPerfLib.evaluation.statistics import agreement, auc, holm, paired_t
from SynthPerfLib.images import like

SHAPE = (8, 26, 22)
BOX = (slice(1, 7), slice(3, 23), slice(2, 20))


def image(values: np.ndarray, spacing: tuple[float, float, float] = (2.0, 1.5, 4.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(values.astype(np.float32))
    made.SetSpacing(spacing)
    made.SetOrigin((-20.0, 11.0, 5.0))
    return made


def brain() -> sitk.Image:
    """An ellipsoid that touches every side of ``BOX`` and leaves the box's corners outside the brain."""
    axes = [np.arange(n) for n in SHAPE]
    centre = [(s.start + s.stop - 1) / 2 for s in BOX]
    half = [(s.stop - s.start - 1) / 2 + 0.01 for s in BOX]
    grid = np.meshgrid(*axes, indexing="ij")
    inside = sum(((g - c) / h) ** 2 for g, c, h in zip(grid, centre, half, strict=True)) <= 1
    inside |= np.isin(np.arange(np.prod(SHAPE)).reshape(SHAPE), _touching(centre))
    return image(inside)


def _touching(centre: list[float]) -> list[int]:
    """The flat indices of one voxel in the middle of each side of the box."""
    middle = [int(c) for c in centre]
    points = []
    for axis, side in enumerate(BOX):
        for end in (side.start, side.stop - 1):
            point = list(middle)
            point[axis] = end
            points.append(int(np.ravel_multi_index(point, SHAPE)))
    return points


def maps(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    real = random.gamma(2.0, 1.6, SHAPE)  # reaches above the range of 0 to 10
    return real + random.normal(0, 0.8, SHAPE), real


def test_ssim_psnr_mae_are_those_of_scikit_image_and_of_the_formulas_in_the_brain_box():
    synthetic, real = maps()
    found = image_metrics(image(synthetic), image(real), brain())
    inside = sitk.GetArrayFromImage(brain())[BOX]
    assert not inside.all()
    x, y = (np.clip(v.astype(np.float32).astype(float)[BOX], 0, 10) * inside for v in (synthetic, real))
    assert real[BOX].max() > 10
    assert synthetic[BOX].min() < 0
    slices = [structural_similarity(a, b, data_range=10, win_size=7) for a, b in zip(x, y, strict=True)]
    assert found.ssim == pytest.approx(np.mean(slices), abs=1e-12)
    assert found.psnr == pytest.approx(10 * math.log10(100 / np.mean((x - y) ** 2)), abs=1e-12)
    assert found.mae == pytest.approx(np.mean(np.abs(x - y)), abs=1e-12)


def test_ssim_by_its_definition_for_one_window():
    """Wang et al. 2004, eq. 13, with sample (co)variances over the single 7 x 7 window of a 7 x 7 slice."""
    random = np.random.default_rng(0)
    x, y = random.uniform(0, 9, (2, 1, 7, 7)).astype(np.float32).astype(float)
    cov = np.cov(x.ravel(), y.ravel(), ddof=1)
    c1, c2 = (0.01 * 10) ** 2, (0.03 * 10) ** 2
    expected = (2 * x.mean() * y.mean() + c1) * (2 * cov[0, 1] + c2)
    expected /= (x.mean() ** 2 + y.mean() ** 2 + c1) * (cov[0, 0] + cov[1, 1] + c2)
    found = image_metrics(image(x), image(y), image(np.ones((1, 7, 7))))
    assert found.ssim == pytest.approx(expected, abs=1e-9)


def test_identical_maps_have_ssim_one_no_error_and_no_finite_psnr():
    real = image(maps()[1])
    found = image_metrics(real, real, brain())
    assert (found.ssim, found.psnr, found.mae) == (1.0, None, 0.0)


def test_a_constant_error_gives_its_psnr_and_mae():
    real = np.full(SHAPE, 4.0)
    found = image_metrics(image(real + 1.0), image(real), brain())
    share = sitk.GetArrayFromImage(brain())[BOX].mean()  # of the box that is brain; the rest is 0 in both
    assert found.psnr == pytest.approx(20.0 - 10 * math.log10(share))
    assert found.mae == pytest.approx(share)


def test_what_lies_outside_the_brain_and_beyond_the_range_does_not_count():
    synthetic, real = maps()
    changed = np.where(synthetic > 10, 500.0, np.where(synthetic < 0, -7.0, synthetic))
    changed[sitk.GetArrayFromImage(brain()) == 0] = 99.0
    assert image_metrics(image(changed), image(real), brain()) == image_metrics(image(synthetic), image(real), brain())


def test_moving_the_head_in_the_field_of_view_changes_nothing():
    synthetic, real = maps()
    inside = sitk.GetArrayFromImage(brain())
    moved = [image(np.roll(v, (1, 2, -1), (0, 1, 2))) for v in (synthetic, real, inside)]
    assert image_metrics(*moved) == image_metrics(image(synthetic), image(real), brain())


def test_all_48_axis_orders_give_the_same_numbers():
    synthetic, real = maps()
    images = (image(synthetic), image(real), brain())
    expected = image_metrics(*images)
    seen = set()
    for letters in itertools.permutations(("RL", "AP", "IS")):
        for flips in itertools.product((0, 1), repeat=3):
            code = "".join(pair[flip] for pair, flip in zip(letters, flips, strict=True))
            stored = [sitk.DICOMOrient(one, code) for one in images]
            seen.add((stored[0].GetDirection(), stored[0].GetSize()))
            assert image_metrics(*stored) == expected, code
    assert len(seen) == 48


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"brain": image(np.zeros(SHAPE))}, "brain mask is empty"),
        ({"synthetic": image(np.full(SHAPE, np.nan))}, "synthetic map holds values that are not finite"),
        ({"synthetic": image(np.zeros((4, 4, 4)))}, "different grids"),
        ({"synthetic": image(maps()[0], (2.0, 1.5, 4.1))}, "different grids"),
    ],
)
def test_unusable_input_is_refused_in_words(spoil, words):
    synthetic, real = maps()
    with pytest.raises(InputError, match=words):
        image_metrics(**{"synthetic": image(synthetic), "real": image(real), "brain": brain()} | spoil)


def test_a_brain_smaller_than_the_window_is_refused():
    synthetic, real = maps()
    small = np.zeros(SHAPE)
    small[2:4, 5:10, 5:20] = 1
    with pytest.raises(InputError, match="at least 7"):
        image_metrics(image(synthetic), image(real), image(small))


def test_lesion_means_are_unclipped_per_label_with_volume():
    labels = np.zeros(SHAPE, np.uint8)
    labels[3, 10:12, 10:12] = 1
    labels[5, 8, 8:11] = 3
    real = np.full(SHAPE, 2.0)
    real[labels == 1] = 18.0
    synthetic = real / 2
    mask = sitk.Cast(image(labels), sitk.sitkUInt8)
    first, second = lesion_values(image(synthetic), image(real), mask, image(real * 10))
    assert (first.label, first.real, first.map, first.asl) == (1, 18.0, 9.0, 180.0)
    assert (second.label, second.real, second.map) == (3, 2.0, 1.0)
    assert first.volume_ml == pytest.approx(4 * 2.0 * 1.5 * 4.0 / 1000)
    assert lesion_values(image(synthetic), image(real), mask)[0].asl is None
    assert lesion_values(image(synthetic), image(real), like(np.zeros_like(labels), mask)) == []


def test_psnr_bands_of_the_paper():
    assert [psnr_band(v) for v in (41, 40, 30, 29.9, 20, 19.9)] == [
        "very good",
        "good",
        "good",
        "bad",
        "bad",
        "very bad",
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=40))
def test_auc_counts_ties_one_half_as_scikit_learn_does(pairs):
    scores, truth = [float(s) for s, _ in pairs], [t for _, t in pairs]
    found = auc(scores, truth)
    if len(set(truth)) == 1:
        assert found.value is None
        assert found.note
        return
    assert found.value == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert found.low is None or 0 <= found.low <= found.value <= found.high <= 1


def test_delong_interval_by_the_definition_with_hand_made_ties():
    """Positives 3, 2, 2; negatives 1, 2, 0: each pair scores 1, 1/2 or 0; placements are the row and column means."""
    pairs = np.array([[1, 1, 1], [1, 0.5, 1], [1, 0.5, 1]])
    se = math.sqrt(np.var(pairs.mean(1), ddof=1) / 3 + np.var(pairs.mean(0), ddof=1) / 3)
    found = auc([3, 2, 2, 1, 2, 0], [True, True, True, False, False, False])
    assert found.value == pytest.approx(pairs.mean())
    assert found.low == pytest.approx(pairs.mean() - 1.959963984540054 * se)
    assert found.high == 1.0  # clipped
    narrow = auc([3, 2, 2, 1, 2, 0], [True, True, True, False, False, False], level=0.5)
    assert narrow.high == pytest.approx(pairs.mean() + 0.6744897501960817 * se)


def test_auc_of_one_class_or_one_case_leaves_out_what_is_not_determined():
    assert auc([1.0, 2.0], [True, True]).value is None
    single = auc([1.0, 2.0, 0.0], [True, False, False])
    assert single.value == 0.5
    assert single.low is None
    with pytest.raises(InputError):
        auc([float("nan"), 1.0], [True, False])


def test_agreement_recovers_a_line_and_its_shrinkage():
    real = [1.0, 2.0, 3.0, 6.0]
    found = agreement(real, [0.5 * v + 1 for v in real])
    assert (found.slope, found.r, found.sd_ratio) == pytest.approx((0.5, 1.0, 0.5))
    assert found.bias == pytest.approx(1 - 0.5 * np.mean(real))
    noisy = agreement(real, [1.0, 4.0, 2.0, 5.0])
    slope, _ = np.polyfit(real, [1.0, 4.0, 2.0, 5.0], 1)
    assert noisy.slope == pytest.approx(slope)
    assert noisy.r == pytest.approx(np.corrcoef(real, [1.0, 4.0, 2.0, 5.0])[0, 1])


@pytest.mark.parametrize(
    ("real", "synthetic"), [([], []), ([1.0], [2.0]), ([2.0] * 4, [1.0, 2.0, 3.0, 4.0]), ([1.0, 2.0, 3.0], [2.0] * 3)]
)
def test_agreement_says_why_something_is_absent(real, synthetic):
    found = agreement(real, synthetic)
    assert found.r is None
    assert found.note


def test_paired_t_is_scipys():
    from scipy.stats import ttest_rel

    random = np.random.default_rng(1)
    a, b = random.normal(0.2, 1, 12), random.normal(0, 1, 12)
    found, expected = paired_t(list(a), list(b)), ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert paired_t([1.0, 2.0], [0.0, 1.0]).p is None
    assert paired_t([1.0], [0.0]).low is None


def test_holm_against_a_worked_example():
    """Four p-values 0.01, 0.04, 0.03, 0.005 give 0.03, 0.06, 0.06, 0.02 (R: p.adjust(p, "holm"))."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_table_2_is_the_papers():
    """Wu et al. 2025, Table 2, first column, in its order (as printed; the words for the modalities are ours)."""
    printed = (
        "ASL|ASL+T2|ASL+T1|ASL+FLAIR|ASL+ADC|ASL+T1+T2|ASL+T1+FLAIR|ASL+T1+ADC|ASL+FLAIR+ADC|ASL+T2+FLAIR|ASL+T2+ADC|"
        "ASL+T1+T2+FLAIR|ASL+T1+T2+ADC|ASL+T2+FLAIR+ADC|ASL+T1+FLAIR+ADC|ASL+T1+T2+FLAIR+ADC|ASL+T1+T2+ADC+T1C"
    )
    assert [combinations.name(c) for c in combinations.TABLE2] == printed.split("|")
    assert combinations.parse("table2") == combinations.TABLE2


def test_combinations_are_read_in_any_order_and_refused_when_unknown():
    assert combinations.parse("t1+asl, ASL,ASL+T1") == (("ASL", "T1"), ("ASL",))
    every = combinations.parse("all")
    assert len(every) == len(set(every)) == 63
    assert set(combinations.TABLE2) <= set(every)
    with pytest.raises(InputError, match="Unknown modality PET"):
        combinations.parse("ASL+PET")
    with pytest.raises(InputError, match="No modality"):
        combinations.parse("ASL,,T1")
