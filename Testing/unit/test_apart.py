"""Cases in memory, preparation and simulation in a child process."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from digital_head import head, write
from made_cases import smooth_case
from SynthPerfLib.case import Case
from SynthPerfLib.child import in_child
from SynthPerfLib.errors import DependencyError, InputError, SynthPerfError
from SynthPerfLib.jobs import Job, State
from SynthPerfLib.loaded import Loaded
from SynthPerfLib.phantom import atlas, make_cohort
from SynthPerfLib.phantom import sample as sampling
from SynthPerfLib.phantom.sample import sample_apart
from SynthPerfLib.preprocessing import prepare
from SynthPerfLib.preprocessing.apart import prepare_apart

NAMES = ("T1", "ASL", "ADC")


@pytest.fixture
def a_case(tmp_path: Path) -> Case:
    """A head with its brain mask, as files."""
    return write({name: head(2)[name] for name in (*NAMES, "BRAIN")}, tmp_path / "cohort")


def loaded(case: Case) -> Loaded:
    return Loaded(case.id, {name: sitk.ReadImage(str(path)) for name, path in case.files.items()})


def temporary_folders() -> set[str]:
    import tempfile

    return {path.name for path in Path(tempfile.gettempdir()).glob("synthperf-*")}


# --- a case in memory


def test_memory_and_files_are_prepared_alike(a_case: Case) -> None:
    before = temporary_folders()
    from_files = Job(prepare(a_case, NAMES)).run()
    apart = Job(prepare_apart(loaded(a_case), NAMES, sys.executable)).run()
    for name in NAMES:
        assert np.array_equal(from_files.values(name), apart.values(name))
        assert from_files.images[name].GetDirection() == apart.images[name].GetDirection()
    assert np.array_equal(sitk.GetArrayFromImage(from_files.brain), sitk.GetArrayFromImage(apart.brain))
    assert {**apart.record, "inputs": None, "flags": None} == {**from_files.record, "inputs": None, "flags": None}
    assert list(apart.record["inputs"]) == list(from_files.record["inputs"])
    assert temporary_folders() == before


def test_the_same_checks_as_on_files() -> None:
    image = smooth_case(("ADC",)).images["ADC"]
    with pytest.raises(InputError, match=r"ADC is not in 1e-6 mm2/s: .* multiply by 1e\+06"):
        Loaded("sub-01", {"ADC": image * 1e-6}).load("ADC")
    with pytest.raises(InputError, match="T1 is empty: every voxel is 0"):
        Loaded("sub-01", {"T1": image * 0}).load("T1")
    with pytest.raises(InputError, match="T1 has voxels that are not finite"):
        Loaded("sub-01", {"T1": image / 0.0}).load("T1")
    coarse = sitk.Image(image)
    coarse.SetSpacing((40.0, 40.0, 40.0))
    with pytest.raises(InputError, match="T1 has an absurd spacing"):
        Loaded("sub-01", {"T1": coarse}).load("T1")
    with pytest.raises(InputError, match=r"sub-01 has no T2 \(it has ADC\)"):
        Loaded("sub-01", {"ADC": image}).load("T2")


def test_a_digest_is_of_voxels_and_place() -> None:
    image = smooth_case(("T1",)).images["T1"]

    def digest(image: sitk.Image) -> str:
        return Loaded("sub-01", {"T1": image}).digest("T1")

    assert digest(image) == digest(sitk.Image(image))
    assert digest(image) != digest(image + 1)
    moved = sitk.Image(image)
    moved.SetOrigin((1.0, 2.0, 3.0))
    assert digest(image) != digest(moved)


# --- a child process


def test_a_failure_of_the_child_is_told_in_its_words(a_case: Case) -> None:
    images = {**loaded(a_case).images, "ADC": head(2)["ADC"] * 1e-6}
    with pytest.raises(InputError, match="ADC is not in 1e-6 mm2/s"):
        Job(prepare_apart(Loaded("sub-01", images), NAMES, sys.executable)).run()


def test_cancelling_ends_the_child_and_removes_what_it_had(a_case: Case) -> None:
    before = temporary_folders()
    others = _children()
    job = Job(prepare_apart(loaded(a_case), NAMES, sys.executable))
    while job.step() and "starting" not in job.progress.words:
        pass
    children = _children() - others
    assert children
    job.cancel()
    assert job.state is State.CANCELLED
    assert not children & _children()
    assert temporary_folders() == before


def test_every_step_is_short(a_case: Case) -> None:
    job, longest = Job(prepare_apart(loaded(a_case), NAMES, sys.executable)), []
    more = True
    while more:
        start = time.thread_time()  # of this thread: what others do on the machine does not count
        more = job.step()
        longest.append(time.thread_time() - start)
    assert max(longest) < 0.1


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DependencyError, match="could not be started"):
        Job(in_child("SynthPerfLib.preprocessing.apart", tmp_path, str(tmp_path / "python"))).run()


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_child_that_is_killed_is_said(a_case: Case) -> None:
    others = _children()
    job = Job(prepare_apart(loaded(a_case), NAMES, sys.executable))
    while job.step() and "starting" not in job.progress.words:
        pass
    for child in _children() - others:
        os.kill(child, 9)
    with pytest.raises(SynthPerfError, match="ended from outside"):
        job.run()


def test_a_defect_of_the_child_comes_with_its_report(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"task\.json"):
        Job(in_child("SynthPerfLib.preprocessing.apart", tmp_path, sys.executable)).run()


def _children() -> set[int]:
    mine = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            mine.add(int(status.parent.name))
    return mine


# --- the sample case


def test_the_sample_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Job(sample_apart(tmp_path / "store", sys.executable)).run()
    assert {"ASL", "T1", "T2", "FLAIR", "ADC", "T1C", "CBV", "BRAIN"} <= set(case.available)
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["sample-2"]
    monkeypatch.setattr(sampling, "in_child", None)
    assert Job(sample_apart(tmp_path / "store", "nowhere")).run() == case


def test_a_patient_without_the_fine_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atlas.load_atlas.cache_clear()
    monkeypatch.setattr(atlas, "_find", lambda _kind: None)
    try:
        Job(
            make_cohort(tmp_path / "c", cases=1, seed=8, spacing=(4.0, 4.0, 6.0), modalities=("T1", "CBV"), coarse=True)
        ).run()
    finally:
        atlas.load_atlas.cache_clear()
    case = Case.open(tmp_path / "c" / "sub-001")
    brain = sitk.GetArrayFromImage(case.load("BRAIN")) > 0
    values = sitk.GetArrayFromImage(case.load("T1"))
    assert 1500 < brain.sum() * np.prod(case.load("BRAIN").GetSpacing()) / 1000 < 2400  # mL
    assert values[brain].mean() > 2 * values[~brain].mean()
    assert '"templates": "2 mm"' in (tmp_path / "c" / "derivatives" / "phantom" / "recipe.json").read_text("utf-8")
