"""A job's life: progress, result, failure, cancel."""

from __future__ import annotations

import pytest
from SynthPerfLib.errors import Cancelled
from SynthPerfLib.jobs import Job, Progress, State, Steps, part


def count(to: int, log: list[str]) -> Steps[int]:
    try:
        for k in range(to):
            yield Progress(k / to, f"step {k}")
    finally:
        log.append("closed")
    return to


def test_a_job_runs_step_by_step_to_its_result() -> None:
    job = Job(count(3, []))
    seen = []
    while job.step():
        seen.append(job.progress.fraction)
    assert seen == [0, 1 / 3, 2 / 3]
    assert job.state is State.DONE
    assert job.result == 3
    assert not job.step()


def test_a_cancelled_job_cleans_up_and_has_no_result() -> None:
    log: list[str] = []
    job = Job(count(3, log))
    job.step()
    job.cancel()
    assert log == ["closed"]
    assert job.state is State.CANCELLED
    with pytest.raises(RuntimeError, match="cancelled"):
        _ = job.result


def test_cancel_from_the_display_ends_a_run_in_the_foreground() -> None:
    job = Job(count(3, []))
    with pytest.raises(Cancelled):
        job.run(lambda progress: job.cancel() if progress.fraction > 0 else None)


def test_an_error_of_the_work_is_raised_at_the_step() -> None:
    def fails() -> Steps[None]:
        yield Progress(0.0, "")
        raise ValueError("broken")

    job = Job(fails())
    assert job.step()
    with pytest.raises(ValueError, match="broken"):
        job.step()
    assert job.state is State.FAILED


def test_a_part_reports_its_share_of_the_whole() -> None:
    def whole() -> Steps[int]:
        return (yield from part(count(2, []), 0.5, 1.0, "second: "))

    seen: list[Progress] = []
    assert Job(whole()).run(seen.append) == 2
    assert seen == [Progress(0.5, "second: step 0"), Progress(0.75, "second: step 1")]
