"""Training: the draw, the recipe, and that a run that was killed ends like one that was not."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_cases import smooth_case
from safetensors.torch import load_file
from SynthPerfLib.bundle import WEIGHTS, Bundle
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.evaluation.evaluate import evaluate
from SynthPerfLib.jobs import Job
from SynthPerfLib.networks.trees import AslScaled
from SynthPerfLib.training.data import Sampler, on_working_grid
from SynthPerfLib.training.losses import ssim_map
from SynthPerfLib.training.recipe import Recipe, load_recipe
from SynthPerfLib.training.run import train

SMALL = """
network: iedn
options: {slices: 3, channels: [16, 16, 16], context: 16}
patch: [48, 48]
steps: 6
batch: 2
validate_every: 3
checkpoint_every: 2
warmup: 2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "small.yaml").write_text(SMALL)
    return load_recipe(str(tmp_path / "small.yaml"))


def sampler(recipe: Recipe) -> Sampler:
    names = ("ASL", "T1", "T2", "FLAIR", "ADC", "T1C", "CBV")
    cases = [on_working_grid(smooth_case(names[k % 2 :], seed=k + 1), recipe) for k in range(4)]
    return Sampler(cases, recipe, 3)


def test_a_draw_depends_on_seed_step_and_place_only(recipe: Recipe) -> None:
    one, two = sampler(recipe), sampler(recipe)
    one.batch(3, range(2))
    whole, shared = one.batch(7, range(2)), [two.batch(7, range(k, k + 1)) for k in (1, 0)]
    for name, values in whole.inputs.items():
        for place, half in ((1, shared[0]), (0, shared[1])):
            if whole.present[name][0, place]:
                assert np.array_equal(values[place], half.inputs[name][0])
    assert np.array_equal(whole.target[1], shared[0].target[0])
    other = Sampler(one.cases, replace(recipe, seed=2), 3).batch(7, range(2))
    assert not np.array_equal(other.target, whole.target)


def test_every_sample_shows_something_and_absent_means_zero(recipe: Recipe) -> None:
    drawn = sampler(replace(recipe, keep_asl=0.5, subsets_from=0.0))
    subsets: set[tuple[bool, ...]] = set()
    for step in range(60):
        batch = drawn.batch(step, range(2))
        whole, subset = np.stack([batch.present[n] for n in batch.inputs], axis=1)  # (modality, sample) each
        assert whole.any(axis=1).all()  # a modality that no sample has is not in the batch
        assert subset.any(axis=0).all()
        assert not (subset & ~whole).any()
        for values, has in zip(batch.inputs.values(), whole, strict=True):
            assert not values[~has].any()
        subsets |= {tuple(column) for column in subset.T}
        assert batch.target.max() <= recipe.target_limit
    assert len(subsets) > 20


def test_subsets_come_when_the_whole_has_been_learnt(recipe: Recipe) -> None:
    drawn = sampler(replace(recipe, steps=10, subsets_from=0.5))
    assert [len(drawn.batch(step, range(2)).present["T1"]) for step in (0, 4, 5, 9)] == [1, 1, 2, 2]
    fixed = sampler(replace(recipe, steps=10, any_subset=False, modalities=("T1", "T2")))
    assert len(fixed.batch(9, range(2)).present["T1"]) == 1


def test_samples_without_asl_are_few_where_it_is_kept(recipe: Recipe) -> None:
    drawn = sampler(replace(recipe, keep_asl=1.0))
    assert any("ASL" not in case.inputs for case in drawn.cases)
    for step in range(30):
        assert drawn.batch(step, range(2)).present["ASL"].all()


def test_the_loss_uses_the_evaluations_ssim() -> None:
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    a = rng.uniform(0, 10, (40, 44)).astype(np.float32)
    b = np.clip(a + rng.normal(0, 1.0, a.shape), 0, 10).astype(np.float32)
    ours = float(ssim_map(torch.tensor(a)[None, None], torch.tensor(b)[None, None]).mean())
    assert ours == pytest.approx(structural_similarity(a, b, win_size=7, data_range=10.0), abs=2e-4)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stepz: 3", "unknown key 'stepz'"),
        ("steps: many", "'steps' must be a number"),
        ("steps: 0", "'steps' is too small"),
        ("patch: [50, 48]", "'patch'"),
        ("patch: 64", "'patch' must be a list"),
        ("precision: 12-bit", "'precision' must be one of"),
        ("any_subset: perhaps", "'any_subset' must be true or false"),
        ("options: fast", "'options' must be"),
        ("modalities: [T1, PET]", "Unknown modality PET"),
        ("network: [", "not valid YAML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_key(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "wrong.yaml").write_text(f"network: iedn\n{line}\n")
    with pytest.raises(InputError, match=words):
        load_recipe(str(tmp_path / "wrong.yaml"))


def test_shipped_recipes_load_and_unknown_names_are_refused() -> None:
    assert load_recipe("iedn").any_subset
    assert load_recipe("encoder_decoder", ("ASL", "T1")).modalities == ("ASL", "T1")
    with pytest.raises(InputError, match="encoder_decoder, iedn"):
        load_recipe("nonsense")


def weights(bundle: Bundle) -> dict[str, torch.Tensor]:
    return load_file(bundle.folder / WEIGHTS)


def rows(bundle: Bundle) -> list[dict[str, str]]:
    with (bundle.folder / "training" / "log.csv").open() as stream:
        return [{k: v for k, v in row.items() if k != "loss"} for row in csv.DictReader(stream)]


def train_command(prepared: Path, place: Path, out: str) -> list[str]:
    """What follows ``python`` to train by the recipe that the fixture has put into ``place``."""
    recipe = str(place / "small.yaml")
    return ["-m", "SynthPerfLib", "train", str(prepared), "--recipe", recipe, "--out", str(place / out)]


def test_a_killed_run_ends_like_an_undisturbed_one(prepared_folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    cohorts = [Cohort.open(prepared_folder)]
    undisturbed = Job(train(cohorts, recipe, tmp_path / "whole")).run()
    # Killed between two steps, after a checkpoint and before the first: generators are simply dropped, as a kill does.
    for stop in ("step 5", "step 1 ", "reading"):
        job = Job(train(cohorts, recipe, tmp_path / "killed"))
        while job.step() and stop not in job.progress.words:
            pass
        del job
    resumed = Job(train(cohorts, recipe, tmp_path / "killed")).run()
    for name, value in weights(undisturbed).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert rows(undisturbed) == rows(resumed)
    assert resumed.metadata["training"] == undisturbed.metadata["training"]
    assert (resumed.folder / "docs" / "README.md").read_text().count("Research use only")
    again = Job(train(cohorts, recipe, tmp_path / "killed")).run()  # nothing to do
    assert again.sha256 == resumed.sha256


def test_a_train_command_killed_by_the_system_goes_on_to_the_same_weights(
    prepared_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    undisturbed = Job(train([Cohort.open(prepared_folder)], recipe, tmp_path / "whole")).run()
    command = [sys.executable, *train_command(prepared_folder, tmp_path, "out")]
    for sign in ("cache/*.npz", "checkpoint.safetensors"):  # killed while reading, and between two checkpoints
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        while process.poll() is None and not list((tmp_path / "out" / "training").glob(sign)):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = Job(train([Cohort.open(prepared_folder)], recipe, tmp_path / "out")).run()
    for name, value in weights(undisturbed).items():
        assert torch.equal(value, weights(resumed)[name]), name


def test_another_recipe_does_not_go_on_in_the_same_folder(
    prepared_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    cohorts = [Cohort.open(prepared_folder)]
    job = Job(train(cohorts, recipe, tmp_path / "run"))
    while job.step() and "step 3" not in job.progress.words:
        pass
    job.cancel()
    with pytest.raises(InputError, match="another recipe or cohort"):
        Job(train(cohorts, replace(recipe, seed=9), tmp_path / "run")).run()


def test_a_relative_map_is_not_learnt_as_an_absolute_one(prepared_folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    shutil.copytree(prepared_folder, cohort)
    sidecar = next(cohort.glob("sub-*/perf/*_cbv.json"))
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "Units": "relative to NAWM"}))
    with pytest.raises(InputError, match="is relative"):
        Job(train([Cohort.open(cohort)], recipe, tmp_path / "out")).run()
    out = tmp_path / "evaluation"
    summary = Job(evaluate(Cohort.open(cohort).cases, {}, [AslScaled(0.05, "")], [("ASL",)], out)).run()
    assert [note for note in summary.notes if "relative" in note]


def test_two_devices_learn_what_one_learns(prepared_folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    alone = Job(train([Cohort.open(prepared_folder)], recipe, tmp_path / "one")).run()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, *train_command(prepared_folder, tmp_path, "two")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    both = weights(Bundle.open(tmp_path / "two"))
    for name, value in weights(alone).items():
        assert torch.allclose(value, both[name], atol=2e-3), name
