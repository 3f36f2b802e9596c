"""The reading mode, driven as a reader drives it: whole studies by keys and clicks, regions, a crash, the way back."""

from __future__ import annotations

import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import qt
import SimpleITK as sitk
import slicer
from reading_host import Room, RoomsCase
from slice_panes import pixel
from SynthPerfLib import rois
from SynthPerfLib.desktop.geometry import place_of as place_of_view
from SynthPerfLib.desktop.nodes import to_node
from SynthPerfReaderStudyLib.desktop import stage
from SynthPerfReaderStudyLib.drawing import Place, place_of
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.view import State
from tiny_studies import LESION, Calendar

READERS = [{"id": "R1"}, {"id": "R2"}]
ONE_SESSION = {"kind": "fully_crossed", "sessions": 1}
NORMAL = (-24.0, 0.0, 0.0)
"""White matter on the other side (LPS)."""


KILLED = """
import os, signal, sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
from reading_host import Room, settings_put_away
settings_put_away()
room = Room(Path(sys.argv[2]))
room.choose("R1")
room.begin()
room.key("D")
room.click("map_a", (24.0, 0.0, 0.0))
room.desk.form._said("answer", "remark", "half way")
print(room.view.stimulus, room.view.regions[0].region.sha256, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A reader whose machine dies in the middle of a case."""


class ReadingTest(RoomsCase):
    """A room for each test; the tiny patients are made once."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Calendar()

    def room(self, study: Any, name: str = "R1", begin: bool = True) -> Room:
        room = Room(study.folder, self.clock)
        self.rooms.append(room)
        if room.ui.personSelector.count > 1:
            room.choose(name)
        if begin:
            room.begin()
            assert room.desk is not None, room.ui.beginMessage.text
        return room

    def events(self, study: Any, kind: Kind | None = None) -> list[Any]:
        with study.records() as log:
            return list(log.events(kind=kind))

    # Whole studies

    def read_all(self, room: Room, draw: bool = False) -> int:
        """Read to the end by keys, drawing every region at the same two places; how many were submitted."""
        done = 0
        for _ in range(100):
            view = room.view
            if view.state is State.FINISHED:
                return done
            if view.state is State.READING:
                room.answer_all()
                for wanted in view.regions if draw else ():
                    self.draw(room, wanted)
                assert room.view.missing == ()
                before = room.view.stage, room.view.stages
                done += before[0] == before[1]
            room.key("Ctrl+Return")
        raise AssertionError("there is no end of cases")

    def draw(self, room: Room, wanted: Any) -> None:
        centre = np.array(LESION if wanted.task.tissue == "lesion" else NORMAL)
        centre[1] += 8.0 * (wanted.number - 2)
        box = next(box for box in room.desk.form._boxes if box.id == wanted.task.id)
        box._places[place_of(wanted)].click()
        if wanted.task.shape == "disc":
            room.click(wanted.map, centre)
        else:
            room.drag(wanted.map, self.circle(centre, 12.0))

    def test_a_whole_study_by_keys(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None,
                                   design=ONE_SESSION | {"sessions": 2, "washout_days": 1})  # fmt: skip
        room = self.room(study)
        assert self.read_all(room) == 4
        room.key("Ctrl+Return")
        assert room.desk is None
        assert "Thank you" in room.ui.endLabel.text
        assert not room.ui.beginButton.enabled
        assert "Session 2 may be opened from 2031-05-05" in room.ui.beginMessage.text
        self.clock.wait(days=2)
        room.panel.reader.show()
        room.begin()
        assert self.read_all(room) == 4
        room.button("Finish the session").click()
        assert "everything" in room.ui.sessionLabel.text
        submitted = self.events(study, Kind.ITEM_SUBMITTED)
        assert len(submitted) == 8
        assert {event.payload["seat"] for event in self.events(study, Kind.SESSION_OPENED)} == {"slicer"}

    def test_each_shipped_protocol_is_read(self) -> None:
        for name in ("wu2025_quality", "wang_roi", "qsnet_rating", "tmax_mismatch"):
            with self.subTest(name):
                study = self.studies.study(name, 4, self.clock, readers=READERS)
                room = self.room(study)
                done = self.read_all(room, draw=True)
                assert done == room.view.total
                room.key("Ctrl+Return")
                assert room.desk is None

    def test_practice_with_feedback_then_the_session(self) -> None:
        practice = {"kind": "fully_crossed", "sessions": 1, "practice": {"cases": 2, "feedback": True}}
        study = self.studies.study("wu2025_quality", 8, self.clock, readers=READERS, design=practice,
                                   truth={"column": "diagnosis", "positive": "recurrence",
                                          "negative": "treatment_response"})  # fmt: skip
        room = self.room(study)
        assert "Practice" in room.desk.form._remark.text
        truths = []
        while room.desk is not None:
            room.answer_all()
            room.key("Ctrl+Return")
            assert room.view.state is State.FEEDBACK
            truths.append(room.desk.form._words.text)
            assert len(room.desk.stage.views.images) > 0, "the images stay beside the truth"
            room.key("Ctrl+Return")
        assert len(truths) == 2
        assert set(truths) <= {"recurrence", "treatment response"}
        assert "Session 1" in room.ui.sessionLabel.text
        room.begin()
        assert not room.view.practice

    def test_stages_are_revealed_and_locked(self) -> None:
        sequential = {"kind": "sequential", "sessions": 1, "order": ["mri_asl", "mri_synthetic_cbv"]}
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None,
                                   design=sequential)  # fmt: skip
        room = self.room(study)
        code = room.view.stimulus
        assert "Step 1 of 2" in room.desk.form._remark.text
        room.answer_all()
        room.button("Save and show more").click()
        assert (room.view.stimulus, room.view.stage) == (code, 2)
        assert not room.view.can_undo
        room.answer_all()
        room.key("Ctrl+Return")
        assert room.view.stimulus != code

    def test_a_consensus_of_the_readers(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS,
                                   adjudication={"items": ["diagnosis"], "by": "consensus"},
                                   design=ONE_SESSION | {"sessions": 2})  # fmt: skip
        room = self.room(study, begin=False)
        for _ in range(2):
            for name, key in (("R1", "1"), ("R2", "2")):
                room.choose(name)
                room.begin()
                while room.desk is not None:
                    if room.view.state is State.READING:
                        room.key(key)
                        room.desk.form._said("answer", "confidence", 50)
                    room.desk.form.go_on()
        room.ui.adjudicateButton.click()
        room.choose("All readers together (consensus)")
        room.begin()
        assert [asked.question.id for asked in room.view.questions] == ["diagnosis"]
        assert room.view.total == 8
        self.read_all(room)
        room.key("Ctrl+Return")
        assert room.desk is None

    # Questions

    def test_digits_answer_the_marked_question_and_stay_in_the_text(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        room.key("2")
        assert room.view.questions[0].value == "treatment_response"
        room.key("Tab")
        room.type("73")
        room.desk.form.flush()
        assert room.view.questions[1].value == 73
        room.key("Tab")
        room.type("2 of 3")
        room.desk.form.flush()
        assert room.view.questions[2].value == "2 of 3"
        assert room.view.questions[0].value == "treatment_response"
        room.key("Shift+Tab")
        room.key("Ctrl+Z")
        assert room.view.questions[2].value is None

    def test_what_is_missing_is_said_and_nothing_is_lost(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        code = room.view.stimulus
        room.key("Tab")
        room.key("Tab")
        room.type("seen")
        room.key("Ctrl+Return")
        assert room.view.stimulus == code
        assert room.view.questions[2].value == "seen"
        assert "Diagnosis" in room.desk.form._todo.text
        assert room.desk.form.marked == "diagnosis"

    def test_a_reason_instead_of_an_answer(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        box = room.desk.form._boxes[0]
        box._actions[1].trigger()
        assert room.view.questions[0].not_assessable == "artefacts"
        assert "artefacts" in box._reasons.text
        room.key("1")
        assert room.view.questions[0].value == "recurrence"

    def test_review_later_break_and_back(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None,
                                   navigation={"back": True})  # fmt: skip
        room = self.room(study)
        first = room.view.stimulus
        room.button("Review later").click()
        second = room.view.stimulus
        assert first != second
        room.answer_all()
        room.key("Ctrl+Return")
        room.button("Back").click()
        assert room.view.stimulus == second
        room.button("Break").click()
        assert room.view.state is State.BREAK
        assert room.desk.stage.views.images == []
        room.button("Go on reading").click()
        assert room.view.stimulus == second
        assert len(room.desk.stage.views.images) == len(room.view.images)

    # Regions

    def test_a_disc_is_the_librarys(self) -> None:
        study = self.studies.study("wang_roi", 2, self.clock, readers=READERS)
        room = self.room(study)
        room.key("D")
        room.click("map_a", LESION)
        drawn = room.view.regions[0].region
        expected = rois.disc("x", room.view.images["map_a"].load(), self.where(room, LESION), 25.0)
        np.testing.assert_array_equal(drawn.voxels, expected.voxels)
        event = self.events(study, Kind.ROI)[-1]
        assert event.payload["sha256"] == expected.sha256
        assert room.desk.stage.armed.number == 2
        buttons = room.desk.form._boxes[-2]._places
        assert [place.number for place, button in buttons.items() if button.checked] == [2]
        assert "Tumour 2" in room.desk.bottom._hint.text
        names = {name for name, _ in room.desk.stage._outlines.visible()}
        assert len(names) == 3, "it is shown on every image"
        room.click("image_1", NORMAL)
        assert room.view.regions[1].region is None, "a click on anatomy draws nothing"
        room.key("Ctrl+Z")
        assert room.view.regions[0].region is None
        room.key("Ctrl+Y")
        assert room.view.regions[0].region == drawn
        room.key("X")
        room.click("map_a", drawn.centre)
        assert room.view.regions[0].region is None

    def test_a_free_hand_region_and_a_part_of_it_erased(self) -> None:
        task = {"id": "tumour", "title": "Tumour", "tissue": "lesion", "shape": "freehand",
                "drawn_on": ["real"], "copied_to": ["synthetic"]}  # fmt: skip
        study = self.studies.study("wang_roi", 2, self.clock, readers=READERS, rois=[task])
        room = self.room(study)
        room.key("E")
        line = self.circle(LESION, 18.0)
        room.drag("map_a", line)
        whole = room.view.regions[0].region
        drawn = [self.where(room, point) for point in line]
        expected = rois.free_hand("x", room.view.images["map_a"].load(), drawn)
        np.testing.assert_array_equal(whole.voxels, expected.voxels)
        room.key("X")
        room.drag("map_a", self.circle((LESION[0] + 18, LESION[1], LESION[2]), 10.0))
        left = room.view.regions[0].region
        assert left.count < whole.count
        assert left.count > 0
        room.key("Ctrl+Z")
        np.testing.assert_array_equal(room.view.regions[0].region.voxels, whole.voxels)

    def test_a_region_in_the_lesion_is_no_white_matter(self) -> None:
        study = self.studies.study("wang_roi", 2, self.clock, readers=READERS)
        room = self.room(study)
        room.key("D")
        for number in (-1, 0, 1):
            room.click("map_a", (LESION[0], 8.0 * number, 0.0))
        assert room.desk.stage.armed == Place("nawm", 1, "map_a")
        room.click("map_a", LESION)
        assert room.view.regions[3].warnings
        shown = [label.text for label in room.desk.form.widget.findChildren(qt.QLabel) if label.objectName == "warn"]
        assert any("Normal-appearing white matter 1" in text for text in shown), shown
        assert not any("nawm_1" in text for text in shown), "a reader is told no ids"

    def test_what_is_seen_grows_and_shrinks_with_its_view(self) -> None:
        study = self.studies.study("wang_roi", 2, self.clock, readers=READERS)
        room = self.room(study)
        pane, later = room.pane("map_a"), []
        room.place.panes.when_sized = later.append
        room.desk.stage.scroll(1)
        before = place_of_view(pane.slice_node)
        for factor in (2, 1):
            pane.logic.ResizeSliceNode(320 * factor, 300 * factor)
            while later:
                later.pop()()
            now = place_of_view(pane.slice_node)
            assert abs(now.scale - before.scale / factor) < 1e-6
            np.testing.assert_allclose(now.centre, before.centre, atol=1e-6)

    def test_the_plane_is_the_one_of_the_acquisition(self) -> None:
        scene = slicer.vtkMRMLScene()
        for plane, direction in (
            ("Sagittal", (0, 0, 1, 1, 0, 0, 0, 1, 0)),
            ("Coronal", (1, 0, 0, 0, 0, -1, 0, 1, 0)),
            ("Axial", (1, 0, 0, 0, 1, 0, 0, 0, 1)),
        ):
            image = sitk.Image(8, 8, 4, sitk.sitkFloat32)
            image.SetSpacing((1.0, 1.0, 5.0))
            image.SetDirection(direction)
            assert stage._orientation(to_node(image, scene, "image")) == plane

    def where(self, room: Room, lps: Any) -> Any:
        """The point (LPS) of the pixel in which a point lies, on the slice that is shown."""
        pane = room.pane("map_a")
        x, y = pixel(pane, np.array(lps) * [-1, -1, 1])
        ras = pane.slice_node.GetXYToRAS().MultiplyPoint((x, y, 0.0, 1.0))[:3]
        return np.array(ras) * [-1, -1, 1]

    @staticmethod
    def circle(centre: Any, radius: float) -> list[Any]:
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        return [np.array(centre) + radius * np.array([np.cos(a), np.sin(a), 0.0]) for a in angles]

    # What goes wrong

    def test_after_a_kill_it_is_the_same_case_with_the_same_strokes(self) -> None:
        study = self.studies.study("wang_roi", 2, readers=READERS)
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(study.folder)],
            capture_output=True,
            text=True,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        code, voxels = killed.stdout.split()[-2:]
        again = Room(study.folder)
        self.rooms.append(again)
        again.choose("R1")
        assert "go on where you were" in again.ui.sessionLabel.text
        assert again.ui.beginButton.text == "Go on"
        assert again.ui.lightDimmed.checked, "what was said of the room is remembered"
        again.ui.beginButton.click()
        assert again.view.stimulus == code
        assert again.view.regions[0].region.sha256 == voxels
        assert again.view.questions[0].value == "half way"

    def test_a_damaged_image_ends_in_a_sentence_and_the_window_comes_back(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        before = room.view.stimulus
        following = room.panel.reader._sitting.following()
        for image in following.images.values():
            image.file.write_bytes(b"nothing")
        room.answer_all()
        room.key("Ctrl+Return")
        assert room.desk is None
        assert "copy the study folder again" in room.ui.beginMessage.text
        assert room.window.property("windowTitle") == "3D Slicer sub-Tiny001"
        submitted = self.events(study, Kind.ITEM_SUBMITTED)
        assert [event.stimulus for event in submitted] == [before]

    def test_other_images_in_the_scene_are_in_the_way(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study, begin=False)
        node = room.place.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "sub-Tiny001")
        room.begin()
        assert room.desk is None
        assert "close the scene" in room.ui.beginMessage.text
        room.place.scene.RemoveNode(node)
        room.begin()
        assert room.desk is not None

    def test_the_scene_is_closed_while_somebody_reads(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        room.key("1")
        room.place.scene.Clear(False)
        assert room.desk is None
        assert "scene was closed" in room.ui.beginMessage.text
        room.begin()
        assert room.view.questions[0].value == "recurrence"

    def test_closing_the_window_closes_the_session_first(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        room.key("1")
        room.window.close()
        assert room.desk is None
        assert room.place.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0, "nothing is left to be saved"
        assert len(self.events(study, Kind.SESSION_CLOSED)) == 1

    def test_the_next_case_is_read_ahead(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, self.clock, readers=READERS, adjudication=None)
        room = self.room(study)
        following = room.panel.reader._sitting.following()
        pictures = room.desk.stage._pictures
        host.wait_until(lambda: pictures.next_missing(following.code, following.images) is None, 10)
        assert room.view.stimulus == room.desk.top._code.text


if __name__ == "__main__":
    unittest.main()
