from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score
from SynthPerfLib.case import Case
from SynthPerfLib.errors import InputError, ModelError
from SynthPerfLib.evaluation import figures
from SynthPerfLib.evaluation.evaluate import evaluate
from SynthPerfLib.evaluation.metrics import image_metrics
from SynthPerfLib.evaluation.picture import Picture, take
from SynthPerfLib.evaluation.summary import Summary
from SynthPerfLib.evaluation.tables import compare, summarise
from SynthPerfLib.images import array, like, write_image
from SynthPerfLib.jobs import Job, Progress, Steps
from SynthPerfLib.preprocessing import Prepared

SHAPE = (7, 30, 26)
PARTICIPANTS = {
    "sub-01": {"diagnosis": "recurrence"},
    "sub-02": {"diagnosis": "treatment_response"},
    "sub-03": {"diagnosis": "recurrence"},
}


@dataclass
class Blend:
    """A model that mixes ASL (or a constant) with the real map: ``share`` of the truth, the more inputs the more."""

    name: str
    share: float
    modalities: tuple[str, ...] = ("ASL", "T1", "T1C")
    any_subset: bool = True
    sha256: str = "0123"
    called: list[tuple[str, str]] = field(default_factory=list)

    def map(self, prepared: Prepared, modalities: Sequence[str]) -> Steps[sitk.Image]:
        yield Progress(0.0, "mixing")
        self.called.append((prepared.id, "+".join(modalities)))
        share = self.share + 0.05 * len(modalities)
        start = 0.06 * prepared.values("ASL") if "ASL" in modalities else np.full(SHAPE, 2.0)
        inside = sitk.GetArrayViewFromImage(prepared.brain) > 0
        made = np.where(inside, share * prepared.values("CBV") + (1 - share) * start, 0)
        return like(made.astype(np.float32), prepared.brain)


def write_case(folder: Path, number: int, seed: int, without: Sequence[str] = (), session: str | None = None) -> Case:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    inside = z**2 / 1.2 + y**2 + x**2 <= 0.95
    smooth = [gaussian_filter(random.normal(0, 1, SHAPE), 1.2) for _ in range(4)]
    smooth = [v / v.std() for v in smooth]
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[3:5, 8:13, 7:12] = 1
    lesion[2, 18:21, 15:18] = 2
    cbv = np.where(inside, np.clip(2.5 + smooth[0] + (lesion == 1) * (number % 2) * 5 + (lesion == 2) * 2, 0, None), 0)
    images = {
        "ASL": np.clip(np.where(inside, 45 + 10 * smooth[1] + 2 * (cbv - 2.5), 0), 0, None),
        "T1": np.where(inside, 400 + 60 * smooth[2], 20),
        "T1C": np.where(inside, 420 + 60 * smooth[3] + 300 * (lesion == 1), 20),
        "CBV": cbv,
        "BRAIN": inside,
        "LESION": lesion,
    }
    id = f"sub-{number:02d}" + (f"_ses-{session}" if session else "")
    for modality, values in images.items():
        if modality not in without:
            made = sitk.GetImageFromArray(values.astype(np.float32))
            made.SetSpacing((3.0, 3.0, 6.0))
            write_image(made, Case.path_for(folder, id, modality))
    return Case.open(folder / f"sub-{number:02d}" / (f"ses-{session}" if session else ""))


def load(case: Case) -> Steps[Prepared]:
    """What a prepared cohort gives, without the alignment that these images do not need."""
    yield Progress(0.5, "reading")
    images = {name: case.load(name) for name in case.available if name not in ("BRAIN", "LESION")}
    brain, lesion = (sitk.Cast(case.load(name), sitk.sitkUInt8) for name in ("BRAIN", "LESION"))
    return Prepared(case.id, images, brain, lesion, {})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> list[Case]:
    folder = tmp_path_factory.mktemp("cohort")
    return [write_case(folder, number, seed=number) for number in (1, 2, 3)]


def models() -> list[Blend]:
    return [Blend("good", 0.7), Blend("poor", 0.2), Blend("only", 0.1, ("ASL",), any_subset=False)]


COMBINATIONS = [("ASL",), ("ASL", "T1"), ("ASL", "T1", "T1C"), ("T1",)]


def run(cases: Sequence[Case], out: Path, using: Sequence[Blend] | None = None) -> Summary:
    steps = evaluate(cases, PARTICIPANTS, using or models(), COMBINATIONS, out, title="Tiny <cohort>", load=load)
    return Job(steps).run()


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(cohort, tmp_path_factory) -> Summary:
    return run(cohort, tmp_path_factory.mktemp("evaluation"))


def test_metrics_csv_has_the_contracts_columns_and_the_numbers_of_a_direct_calculation(done, cohort):
    rows = table(done.out / "metrics.csv")
    header = (done.out / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "case,model,combination,ssim,psnr,mae,lesion_mean_real,lesion_mean_map,seconds"
    assert len(rows) == 3 * (2 * 4 + 1)  # two models on four combinations, one on its own
    prepared = Job(load(cohort[1])).run()
    made = Job(models()[0].map(prepared, ("ASL", "T1"))).run()
    direct = image_metrics(made, prepared.images["CBV"], prepared.brain)
    (row,) = [r for r in rows if (r["case"], r["model"], r["combination"]) == ("sub-02", "good", "ASL+T1")]
    assert float(row["ssim"]) == pytest.approx(direct.ssim, rel=1e-7)
    assert float(row["psnr"]) == pytest.approx(direct.psnr, rel=1e-7)
    assert float(row["mae"]) == pytest.approx(direct.mae, rel=1e-7)
    lesion = sitk.GetArrayFromImage(prepared.lesion) > 0
    assert float(row["lesion_mean_real"]) == pytest.approx(prepared.values("CBV")[lesion].mean(), rel=1e-5)
    assert float(row["lesion_mean_map"]) == pytest.approx(array(made)[lesion].mean(), rel=1e-5)
    assert float(row["seconds"]) > 0


def test_summary_csv_agrees_with_metrics_csv(done):
    rows = table(done.out / "metrics.csv")
    seen = [r for r in table(done.out / "lesions.csv") if (r["model"], r["combination"]) == ("good", "ASL")]
    recurrence, real = [r["diagnosis"] == "recurrence" for r in seen], [float(r["real"]) for r in seen]
    for row in table(done.out / "summary.csv"):
        own = [r for r in rows if (r["model"], r["combination"]) == (row["model"], row["combination"])]
        ssim = [float(r["ssim"]) for r in own]
        assert int(row["n"]) == len(own) == 3
        assert float(row["ssim_mean"]) == pytest.approx(np.mean(ssim), rel=1e-6)
        assert float(row["ssim_sd"]) == pytest.approx(np.std(ssim, ddof=1), rel=1e-5)
        assert row["psnr_band"] == ("good" if float(row["psnr_mean"]) >= 30 else "bad")
        assert (row["lesion_n"], row["recurrence_n"], row["treatment_response_n"]) == ("6", "4", "2")
        assert 0 <= float(row["lesion_auc_low"]) <= float(row["lesion_auc"]) <= float(row["lesion_auc_high"]) <= 1
        assert float(row["real_auc"]) == pytest.approx(roc_auc_score(recurrence, real))
    slopes = {(r["model"], r["combination"]): float(r["lesion_slope"]) for r in table(done.out / "summary.csv")}
    assert slopes["poor", "ASL"] < slopes["good", "ASL"] < 1  # the poorer mixture flattens the lesions more


def test_lesions_csv_holds_each_lesion_of_each_run(done):
    rows = table(done.out / "lesions.csv")
    assert len(rows) == 2 * 27
    row = next(r for r in rows if (r["case"], r["lesion"], r["model"]) == ("sub-01", "2", "good"))
    assert row["diagnosis"] == "recurrence"
    assert float(row["volume_ml"]) == pytest.approx(9 * 54 / 1000)


def test_comparisons_are_paired_t_tests_with_holm_over_each_family(done):
    metrics, rows = table(done.out / "metrics.csv"), table(done.out / "comparisons.csv")

    def values(model: str, combination: str) -> list[float]:
        return [float(r["ssim"]) for r in metrics if (r["model"], r["combination"]) == (model, combination)]

    family = [r for r in rows if (r["question"], r["metric"]) == ("models", "ssim")]
    assert len(family) == 5  # poor in four combinations, only in its one
    for row in family:
        test = ttest_rel(values("good", row["combination_a"]), values(row["model_b"], row["combination_b"]))
        assert row["combination_a"] == row["combination_b"]
        assert float(row["p"]) == pytest.approx(test.pvalue, rel=1e-4)
        assert float(row["t"]) == pytest.approx(test.statistic, rel=1e-4)
        assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    smallest = min(family, key=lambda r: float(r["p"]))
    assert float(smallest["p_holm"]) == pytest.approx(5 * float(smallest["p"]))
    paper = [(r["question"], r["combination_a"], r["combination_b"]) for r in rows if r["question"] != "models"]
    assert set(paper) == {("best_or_asl", "ASL+T1+T1C", "ASL"), ("t1c", "ASL+T1+T1C", "ASL+T1")}


def test_scans_of_one_patient_count_as_one():
    rows = [
        {"case": case, "model": model, "combination": "ASL", "ssim": value, "psnr": None, "mae": value}
        for model, values in (("a", (0.8, 0.6, 0.9, 0.7)), ("b", (0.5, 0.7, 0.6, 0.6)))
        for case, value in zip(("s1-1", "s1-2", "s2", "s3"), values, strict=True)
    ]
    (test,) = [r for r in compare(rows, {"s1-1": "s1", "s1-2": "s1", "s2": "s2", "s3": "s3"}) if r["metric"] == "ssim"]
    expected = ttest_rel([0.7, 0.9, 0.7], [0.6, 0.6, 0.6])
    assert (test["n"], test["t"], test["p"]) == pytest.approx((3, expected.statistic, expected.pvalue))


def test_a_perfect_map_leaves_psnr_out_and_says_so():
    rows = [
        {"case": c, "model": "m", "combination": "T1", "ssim": 1.0, "psnr": p, "mae": 0.0, "seconds": 1.0}
        for c, p in (("a", None), ("b", 45.0))
    ]
    (row,) = summarise(rows, [])
    assert (row["psnr_mean"], row["psnr_sd"], row["psnr_band"]) == (45.0, None, "very good")
    assert "PSNR without 1 identical map" in row["note"]
    assert "no lesion" in row["note"]
    (alone,) = summarise(rows[:1], [])
    assert (alone["psnr_mean"], alone["psnr_band"], alone["ssim_sd"]) == (None, None, None)


def without_seconds(out: Path) -> dict[str, list[dict[str, str]]]:
    tables = {path.name: table(path) for path in out.glob("*.csv")}
    for row in [*tables["metrics.csv"], *tables["summary.csv"]]:
        row.pop("seconds", None)
        row.pop("seconds_median", None)
    return tables


def test_a_stopped_run_takes_up_where_it_was_and_ends_the_same(cohort, done, tmp_path):
    using = models()
    job = Job(evaluate(cohort, PARTICIPANTS, using, COMBINATIONS, tmp_path, title="Tiny <cohort>", load=load))
    while len(list((tmp_path / "cases").glob("sub-*.json"))) < 1 if (tmp_path / "cases").exists() else True:
        assert job.step()
    for _ in range(4):
        assert job.step()  # into the second case
    job.cancel()
    assert not (tmp_path / "metrics.csv").exists()
    assert not list(tmp_path.rglob(".writing-*"))
    assert {case for case, _ in using[0].called} == {"sub-01", "sub-02"}

    again = models()
    run(cohort, tmp_path, again)
    assert {case for case, _ in again[0].called} == {"sub-02", "sub-03"}
    assert without_seconds(tmp_path) == without_seconds(done.out)

    untouched = models()
    before = (tmp_path / "metrics.csv").read_bytes(), (tmp_path / "report.html").read_bytes()
    run(cohort, tmp_path, untouched)
    assert not untouched[0].called
    assert ((tmp_path / "metrics.csv").read_bytes(), (tmp_path / "report.html").read_bytes()) == before


def test_another_model_another_image_or_a_spoilt_record_is_measured_again(tmp_path):
    folder, out = tmp_path / "cohort", tmp_path / "out"
    cases = [write_case(folder, number, number) for number in (1, 2, 3)]
    first = run(cases, out, [Blend("good", 0.7)])

    retrained = Blend("good", 0.6, sha256="4567")
    second = run(cases, out, [retrained])
    assert {case for case, _ in retrained.called} == {"sub-01", "sub-02", "sub-03"}
    assert second.metrics[0]["ssim"] < first.metrics[0]["ssim"]

    cases[1] = write_case(folder, 2, seed=20)
    (out / "cases" / "sub-03.json").write_text('{"key": ', encoding="utf-8")
    third = Blend("good", 0.6, sha256="4567")
    run(cases, out, [third])
    assert {case for case, _ in third.called} == {"sub-02", "sub-03"}


def test_cases_run_on_what_they_have(tmp_path):
    cases = [
        write_case(tmp_path, 1, 1, without=["ASL"]),
        write_case(tmp_path, 2, 2, without=["CBV"]),
        write_case(tmp_path, 3, 3, session="A"),
        write_case(tmp_path, 4, 4, without=["ASL", "T1"]),
    ]
    summary = run(cases, tmp_path / "out", [Blend("good", 0.5)])
    assert {(r["case"], r["combination"]) for r in summary.metrics} == {
        ("sub-01", "T1"),
        *(("sub-03_ses-A", c) for c in ("ASL", "ASL+T1", "ASL+T1+T1C", "T1")),
    }
    assert [note.split()[0] for note in summary.notes] == ["sub-02", "sub-04"]
    asl_only = next(r for r in summary.summary if r["combination"] == "ASL")
    assert (asl_only["n"], asl_only["ssim_sd"]) == (1, None)


def test_what_cannot_be_evaluated_is_refused_in_words(cohort, tmp_path):
    def start(using, combinations, cases=cohort):
        return Job(evaluate(cases, PARTICIPANTS, using, combinations, tmp_path / "out", load=load)).run()

    with pytest.raises(InputError, match=r"No model takes any .* \(FLAIR\)"):
        start(models(), [("FLAIR",)])
    with pytest.raises(InputError, match="Two models are called good"):
        start([Blend("good", 0.1), Blend("good", 0.2)], [("ASL",)])
    with pytest.raises(InputError, match="No case can be evaluated"):
        start(models(), [("ASL",)], [write_case(tmp_path, 5, 5, without=["CBV"])])
    assert not (tmp_path / "out").exists()


def test_a_failing_model_stops_the_run_and_leaves_no_table(cohort, tmp_path):
    class Broken(Blend):
        def map(self, prepared, modalities):
            yield Progress(0.5, f"{prepared.id} from {modalities}")
            raise ModelError("The bundle is damaged.")

    with pytest.raises(ModelError):
        run(cohort, tmp_path, [Broken("broken", 0.5)])
    assert not list(tmp_path.glob("*.csv"))


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.references: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img":
            self.images.append(given)
        self.references += [str(given[key]) for key in ("src", "href") if key in given]
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_file_with_the_numbers(done):
    text = (done.out / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert not page.open
    assert all(reference.startswith("data:image/") for reference in page.references)
    assert len(page.images) == 5  # boxes, lesions, three cases
    assert all(image["alt"] for image in page.images)
    for image in page.images:
        kind, content = re.fullmatch(r"data:image/(png|svg\+xml);base64,(.*)", str(image["src"])).groups()
        assert base64.b64decode(content).startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    assert "Research use only" in text
    assert "Tiny &lt;cohort&gt;" in text
    assert "Tiny <cohort>" not in text
    assert "3 cases, 6 lesions" in " ".join(text.split())
    for row in done.summary:
        assert f"{100 * row['ssim_mean']:.2f}" in text
        assert f"{row['psnr_mean']:.2f}" in text
        assert f"{row['mae_mean']:.3f}" in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()
    order = [text.index(f"{why} SSIM") for why in ("Best", "Median", "Worst")]
    assert order == sorted(order)


def test_the_records_are_strict_json(done):
    for path in (done.out / "cases").glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))


def test_a_picture_shows_the_largest_lesion_with_the_patients_right_on_the_left(cohort, tmp_path):
    prepared = Job(load(cohort[0])).run()
    for code in ("LPS", "RAS", "SRA"):
        turned = {name: sitk.DICOMOrient(image, code) for name, image in prepared.images.items()}
        brain, lesion = sitk.DICOMOrient(prepared.brain, code), sitk.DICOMOrient(prepared.lesion, code)
        picture = take(turned, turned["CBV"], brain, lesion)
        assert picture.position == pytest.approx(3 * 6.0)  # of the two slices of the largest lesion, the first
        rows, columns = np.nonzero(picture.lesion)
        assert len(rows) == 25
        assert rows.mean() < picture.real.shape[0] / 2  # in front, and on the patient's right:
        assert columns.mean() < picture.real.shape[1] / 2
        assert picture.spacing == (3.0, 3.0)
        assert list(picture.inputs) == ["ASL", "T1", "T1C"]
    picture.save(tmp_path / "a.npz")
    again = Picture.load(tmp_path / "a.npz")
    assert (again.real == picture.real).all()
    assert again.position == picture.position
    (tmp_path / "b.npz").write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"b\.npz"):
        Picture.load(tmp_path / "b.npz")


def test_the_difference_keeps_its_sign_in_a_grey_print():
    colours = figures._colours(figures.DIFFERENCE)(np.linspace(0, 1, 101))[:, :3]
    luminance = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]
    assert (np.diff(luminance) > 0).all()
