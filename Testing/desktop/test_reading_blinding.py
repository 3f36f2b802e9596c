"""What a reader can see and find while reading, and that Slicer is exactly as before afterwards."""

from __future__ import annotations

import contextlib
import unittest
from typing import Any
from unittest import mock

import host  # noqa: F401  first: it finds Qt, or puts the stand-ins in place
import qt
from reading_host import Room, RoomsCase, settle
from SynthPerfReaderStudyLib.leaks import scan_texts, words_of
from SynthPerfReaderStudyLib.view import State
from tiny_studies import LESION, Calendar

READERS = [{"id": "R1"}, {"id": "R2"}]


class BlindingTest(RoomsCase):
    """One study; a room for each test."""

    def room(self, study: Any, begin: bool = True) -> Room:
        room = Room(study.folder, Calendar())
        self.rooms.append(room)
        room.choose("R1")
        if begin:
            room.begin()
            assert room.desk is not None, room.ui.beginMessage.text
        return room

    def scan(self, room: Room, study: Any) -> list[Any]:
        """What the leak test finds in all that is visible or in the scene; the questions may use the study's words."""
        texts = room.texts()
        asked = {study.form.title, study.form.instructions}
        for question in study.form.questions:
            asked |= {question.text, question.help or "", getattr(question, "low", ""), getattr(question, "high", "")}
            asked |= {choice.label for choice in getattr(question, "choices", ())}
            asked |= set(getattr(question, "anchors", {}).values())
        asked |= {task.title for task in study.form.rois} | {task.help or "" for task in study.form.rois}

        def unasked(words: str) -> str:
            flat = " ".join(words.split())
            for known in sorted(asked, key=len, reverse=True):
                flat = flat.replace(known, "") if known else flat
            return flat

        return scan_texts({where: unasked(words) for where, words in texts.items()}, words_of(study))

    def test_nothing_tells_the_case_or_the_arm(self) -> None:
        for protocol in ("wu2025_diagnosis", "wang_roi", "wu2025_quality"):
            with self.subTest(protocol):
                keys = {"adjudication": None} if protocol == "wu2025_diagnosis" else {}
                study = self.studies.study(protocol, 4, readers=READERS, **keys)
                room = self.room(study, begin=False)
                room.begin()
                for _ in range(2):
                    assert self.scan(room, study) == []
                    if room.view.regions:
                        room.key("D")
                        room.click("map_a", LESION)
                    room.key("?")
                    assert self.scan(room, study) == []
                    room.key("Esc")
                    room.button("Review later").click()
                room.button("Break").click()
                assert self.scan(room, study) == []
                room.button("Go on reading").click()

    def test_the_search_itself_finds_what_is_planted(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study)
        room.desk.top._code.setToolTip("sub-Tiny001")
        node = room.place.scene.AddNewNodeByClass("vtkMRMLTextNode", "mri_synthetic_cbv")
        found = {finding.what for finding in self.scan(room, study)}
        room.place.scene.RemoveNode(node)
        assert {"sub-Tiny001", "mri_synthetic_cbv"} <= found

    def test_no_node_has_a_file(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study)
        assert room.place.scene.GetNumberOfNodesByClass("vtkMRMLVolumeArchetypeStorageNode") == 0
        volumes = room.place.scene.GetNodesByClass("vtkMRMLVolumeNode")
        assert all(node.GetHideFromEditors() and not node.GetSaveWithScene() for node in volumes)
        assert len(list(volumes)) == len(room.view.images)

    def picture(self, room: Room) -> dict[str, Any]:
        """All of the window and the scene that must be as before."""
        window, scene = room.window, room.place.scene
        widgets = {}
        for kind in (qt.QToolBar, qt.QDockWidget, qt.QMenuBar, qt.QStatusBar, qt.QLabel):
            for number, widget in enumerate(window.findChildren(kind)):
                widgets[f"{kind.__name__} {number} {widget.property('objectName')}"] = widget.isVisible()
        actions = [(a.property("text"), a.property("shortcut").toString()) for a in window.findChildren(qt.QAction)]
        return {
            "title": window.property("windowTitle"),
            "drops": window.property("acceptDrops"),
            "menu": window.property("contextMenuPolicy"),
            "widgets": widgets,
            "actions": actions,
            "layout": room.place.panes.state(),
            "volumes": scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode"),
            "displays": scene.GetNumberOfNodesByClass("vtkMRMLVolumeDisplayNode"),
            "mode": room.place.interaction.GetCurrentInteractionMode(),
            "shortcuts": len([s for s in window.findChildren(qt.QShortcut) if s.property("enabled")]),
        }

    def test_everything_is_as_before(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study, begin=False)
        room.ui.lightDark.click()
        before = self.picture(room)
        room.begin()
        during = self.picture(room)
        assert during["title"] == "Reader study"
        old = {name: visible for name, visible in during["widgets"].items() if name in before["widgets"]}
        assert not any(v for name, v in old.items() if not name.startswith("QLabel")), old
        assert all(keys == "" for text, keys in during["actions"] if text in ("Save sub-Tiny001", "Undo"))
        room.key("F10")
        assert room.desk is None
        settle()
        after = self.picture(room)
        for name in ("QLabel",):  # the panel says thank you now
            for picture in (before, after):
                picture["widgets"] = {k: v for k, v in picture["widgets"].items() if not k.startswith(name)}
        self.maxDiff = None
        assert after == before

    def test_everything_is_as_before_after_an_error(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study)
        with (
            mock.patch.object(type(room.desk.stage._outlines), "show", side_effect=ZeroDivisionError),
            contextlib.suppress(ZeroDivisionError),
        ):
            room.desk._said("answer", "diagnosis", "recurrence")
        assert room.desk is None
        assert room.window.property("windowTitle") == "3D Slicer sub-Tiny001"
        assert "begin again" in room.ui.beginMessage.text
        room.begin()
        assert room.view.state is State.READING
        assert room.view.questions[0].value == "recurrence", "what was acknowledged is there"

    def test_an_error_at_the_beginning_leaves_the_window_alone(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study, begin=False)
        for image in (study.folder / "stimuli").rglob("*.nii.gz"):
            image.write_bytes(b"nothing")
        room.begin()
        assert room.desk is None
        assert "copy the study folder again" in room.ui.beginMessage.text
        assert room.window.property("windowTitle") == "3D Slicer sub-Tiny001"
        assert all(bar.isVisible() for bar in room.window.findChildren(qt.QDockWidget))

    def test_maps_keep_the_protocols_window(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, readers=READERS, adjudication=None)
        room = self.room(study)
        image = room.view.images["map_a"]
        node = room.desk.stage._pictures.node(room.view.stimulus, image)
        node.GetDisplayNode().SetWindowLevelMinMax(0.0, 1.0)
        display = node.GetDisplayNode()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == image.range
        bars = [texts["bar"] for texts in room.desk.stage.views.texts() if "bar" in texts]
        assert len(bars) == 1
        assert "relative" in bars[0].replace("\n", " ")


if __name__ == "__main__":
    unittest.main()
