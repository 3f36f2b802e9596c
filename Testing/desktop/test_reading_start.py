"""The first opening of the module: what is missing is asked for, and a failure is a sentence."""

from __future__ import annotations

import sys
import types
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import host  # noqa: F401  first: it finds Qt, or puts the stand-ins in place
import qt
from reading_host import ROOT
from SynthPerfLib.errors import DependencyError
from SynthPerfReaderStudyLib.desktop import start

REQUIREMENTS = ROOT / "SynthPerfReaderStudy" / "Resources" / "requirements-reading.txt"


class StartTest(unittest.TestCase):
    """The beginning of the panel, with and without the libraries."""

    def setUp(self) -> None:
        self.widget = qt.QWidget()
        self.layout = qt.QVBoxLayout(self.widget)
        self.built: list[str] = []

    def started(self) -> Any:
        return start.Start(self.layout, lambda: self.built.append("panel") or "panel", Path(REQUIREMENTS))

    def test_with_the_libraries_the_panel_is_there(self) -> None:
        assert self.started().panel == "panel"

    def test_without_them_they_are_installed_after_asking(self) -> None:
        asked: list[Any] = []
        packaging = types.ModuleType("slicer.packaging")
        packaging.load_requirements = lambda path: [path]  # type: ignore[attr-defined]
        packaging.pip_ensure = lambda wanted, requester: asked.append((wanted, requester))  # type: ignore[attr-defined]
        missing = DependencyError("A reader study needs pydantic.")
        with (
            mock.patch.object(start, "require", side_effect=[missing, None]),
            mock.patch.dict(sys.modules, {"slicer.packaging": packaging}),
        ):
            begun = self.started()
            assert begun.panel is None
            assert self.built == []
            self.widget.findChildren(qt.QPushButton)[0].click()
        assert asked == [([REQUIREMENTS], "Reader Study")]
        assert begun.panel == "panel"

    def test_a_failure_is_a_sentence_and_can_be_tried_again(self) -> None:
        packaging = types.ModuleType("slicer.packaging")
        packaging.load_requirements = lambda path: [path]  # type: ignore[attr-defined]
        packaging.pip_ensure = mock.Mock(side_effect=RuntimeError("declined"))  # type: ignore[attr-defined]
        with (
            mock.patch.object(start, "require", side_effect=DependencyError("A reader study needs pydantic.")),
            mock.patch.dict(sys.modules, {"slicer.packaging": packaging}),
        ):
            begun = self.started()
            for _ in range(2):
                self.widget.findChildren(qt.QPushButton)[0].click()
        assert packaging.pip_ensure.call_count == 2
        assert "not installed" in self.widget.findChildren(qt.QLabel)[0].text
        assert begun.panel is None


if __name__ == "__main__":
    unittest.main()
