"""Kills reading sessions at random moments and looks whether anything that was acknowledged is lost.

``python Testing/stress/kill_sessions.py --kills 1000`` does what the tests do a few times. A reader in a process of its
own answers and draws as fast as the disk allows and says after each step what the session then shows. After the kill
the log must verify, hold every answer and region that was shown, and the session must open where it stood: at the last
step that was shown, or at the one that was on its way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.session import Session, open_session
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, LESION, SETTING, changed_protocol, tiny_cohort, tiny_study

CASES, READERS = 12, 10
LONGEST = 0.2
"""Seconds from a writer's first step to its kill, at most."""

Shown = tuple[int, str, dict[str, Any]]
"""Items done, stimulus on the screen, item or region to its answer or hash."""


@dataclass
class Outcome:
    """What the kills did; ``defects`` names whatever was lost, broken or opened at another place."""

    kills: int = 0
    steps: int = 0
    defects: list[str] = field(default_factory=list)


def shown(session: Session) -> Shown:
    """What the session stands at."""
    view = session.view
    contents = {asked.question.id: asked.value for asked in view.questions if asked.value is not None}
    contents |= {wanted.task.id: wanted.region.sha256 for wanted in view.regions if wanted.region is not None}
    return view.done, view.stimulus, contents


def step(session: Session) -> None:
    """Do the next thing that is to be done."""
    view = session.view
    for asked in view.questions:
        if asked.value is None:
            session.answer(asked.question.id, view.done % 4)
            return
    for wanted in view.regions:
        if wanted.region is None:
            x, y, z = LESION
            centre = (x if wanted.task.tissue == "lesion" else -x, y, z)
            session.draw_disc(wanted.task.id, wanted.number, wanted.map, centre)
            return
    session.submit()


def read(folder: Path, reader: str, acknowledged: Connection) -> None:
    """Read a session to its end."""
    study = Study.open(folder)
    session = open_session(study, study.records(), reader, SETTING, experience=EXPERIENCE)
    acknowledged.send(shown(session))
    while session.view.state is State.READING:
        step(session)
        acknowledged.send(shown(session))


def kill_many(folder: Path, kills: int, seed: int) -> Outcome:
    """Kill sessions ``kills`` times, in as many studies as that takes."""
    randomness = random.Random(seed)
    processes = multiprocessing.get_context("fork")
    outcome = Outcome()
    cohort = tiny_cohort(folder / "cohort", CASES)
    grade = {"id": "grade", "kind": "likert", "text": "Grade", "anchors": {k: f"grade {k}" for k in range(4)}}
    disc = {"title": "T", "area_cm2": 3.0, "drawn_on": ["real"], "copied_to": ["synthetic"]}
    protocol = changed_protocol(
        folder / "protocol.yaml",
        "wang_roi",
        readers=[{"id": f"R{number}"} for number in range(READERS)],
        questions=[{**grade, "id": id} for id in ("border", "shape")],
        rois=[{**disc, "id": "tumour", "tissue": "lesion"}, {**disc, "id": "nawm", "tissue": "nawm"}],
    )
    number = 0
    while outcome.kills < kills:
        number += 1
        study = tiny_study(protocol, cohort, folder / f"study-{number}")
        for reader in study.allocation.readers:
            finished = False
            while outcome.kills < kills and not finished:
                ours, theirs = processes.Pipe(duplex=False)
                process = processes.Process(target=read, args=(study.folder, reader, theirs), daemon=True)
                process.start()
                theirs.close()
                ours.poll(60)
                time.sleep(randomness.uniform(0, LONGEST))
                os.kill(process.pid or 0, signal.SIGKILL)
                process.join()
                outcome.kills += 1
                finished = _checked(study, reader, _received(ours), outcome)
    return outcome


def _received(ours: Connection) -> list[Shown]:
    views: list[Shown] = []
    try:
        while True:
            views.append(ours.recv())
    except (EOFError, OSError):
        return views


def _checked(study: Study, reader: str, views: list[Shown], outcome: Outcome) -> bool:
    """Look at the study after a kill; whether the reader has read everything."""
    outcome.steps += len(views)
    defects = [] if views else ["the session did not open"]
    with study.records() as log:
        defects += [problem.words for problem in Job(log.verify()).run().problems]
        kept = {
            (event.stimulus, event.payload["item"], event.payload["value"])
            for event in log.events(kind=Kind.ANSWER, reader=reader)
        } | {
            (event.stimulus, event.payload["roi"], event.payload["sha256"])
            for event in log.events(kind=Kind.ROI, reader=reader)
        }
        told = {(stimulus, key, value) for _, stimulus, contents in views for key, value in contents.items()}
        defects += [f"{entry} was shown and is lost" for entry in told - kept]
        finished = len(list(log.events(kind=Kind.ITEM_SUBMITTED, reader=reader))) == CASES
        now = (CASES, "", {}) if finished else shown(open_session(study, log, reader, SETTING))
        if views and now != views[-1] and not _follows(study, reader, views[-1], now):
            defects.append(f"opened at {now}, stood at {views[-1]}")
    outcome.defects += [f"kill {outcome.kills}: {defect}" for defect in defects]
    return finished


def _follows(study: Study, reader: str, before: Shown, now: Shown) -> bool:
    """Whether ``now`` is one step after ``before``."""
    codes = [row.stimulus for row in study.allocation.session(reader, 1)]
    done, stimulus, contents = before
    if now[:2] == (done, stimulus):
        return len(now[2]) == len(contents) + 1 and contents.items() <= now[2].items()
    return len(contents) == 4 and now == (done + 1, codes[done + 1] if done + 1 < len(codes) else "", {})


def main() -> int:
    """Run it; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_many(Path(folder), options.kills, options.seed)
    print(f"{outcome.kills} kills, {outcome.steps} acknowledged steps, {len(outcome.defects)} defects")
    for defect in outcome.defects:
        print(defect)
    return 1 if outcome.defects else 0


if __name__ == "__main__":
    sys.exit(main())
