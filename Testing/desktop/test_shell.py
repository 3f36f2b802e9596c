"""The module's file as Slicer loads it, outside Slicer; and the stand-ins, which must not be kinder than Slicer."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import host
import pytest
import qt
import slicer

MODULE = host.ROOT / "SynthPerf" / "SynthPerf.py"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Any:
    """SynthPerf.py, with Slicer's scene and views replaced."""
    from SynthPerfLib.desktop import slicer_panes

    scene = host.a_scene()
    monkeypatch.setattr(slicer, "mrmlScene", scene, raising=False)
    monkeypatch.setattr(slicer_panes, "application_panes", lambda: host.panes(scene))
    spec = importlib.util.spec_from_file_location("SynthPerf", MODULE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "SynthPerf", module)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_thin_and_imports_nothing_heavy() -> None:
    text = MODULE.read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    assert not [line for line in text.splitlines() if line.startswith(("from SynthPerfLib", "import SynthPerfLib"))]


def test_what_slicer_shows_of_the_module(shell: Any) -> None:
    parent = types.SimpleNamespace(path=str(MODULE))
    shell.SynthPerf(parent)
    assert parent.title == "SynthPerf"
    assert parent.categories == ["Quantification"]
    assert "Research use only" in parent.helpText


def test_the_panel_is_set_up_left_and_unloaded(shell: Any) -> None:
    widget = shell.SynthPerfWidget()
    widget.setup()
    widget.enter()
    assert widget.panel.ui.applyButton.text == "&Synthesise map"
    widget.exit()
    widget.cleanup()
    assert widget.panel is None
    widget.cleanup()


def test_reload_takes_the_library_too(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert "SynthPerfLib.desktop.panel" in sys.modules or importlib.import_module("SynthPerfLib.desktop.panel")
    shell.SynthPerfWidget().onReload()
    assert not [name for name in sys.modules if name.split(".")[0] == "SynthPerfLib"]


def test_the_sample_is_offered_once(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[dict[str, Any]] = []
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **words: offered.append(words))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    shell.register_sample()
    assert [words["category"] for words in offered] == ["SynthPerf"]
    assert callable(offered[0]["customDownloader"])


def test_slicer_runs_the_same_classes(shell: Any) -> None:
    folder = Path(__file__).parent
    listed = re.findall(r"^  (test_\w+)$", (folder / "CMakeLists.txt").read_text(encoding="utf-8"), re.M)
    assert set(shell.SynthPerfTest.NAMES) <= set(listed)
    for name in listed:
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert "import pytest" not in text
        assert "unittest" in text or "SectionCase" in text


# --- the stand-ins


def test_a_property_that_qt_lacks_is_refused() -> None:
    with pytest.raises(AttributeError, match="no property valeu"):
        qt.QSpinBox().valeu = 3
    with pytest.raises(AttributeError, match="is a method"):
        qt.QSpinBox().setValue = 3
    with pytest.raises(AttributeError, match="is a method"):
        qt.QTimer().singleShot = True


def test_a_property_is_an_attribute() -> None:
    box = qt.QSpinBox()
    box.value = 3
    assert box.value == 3
    with pytest.raises(TypeError):
        box.value()


def test_a_signal_that_qt_lacks_is_refused() -> None:
    with pytest.raises(AttributeError, match="no signal clickd"):
        qt.QPushButton().connect("clickd()", print)


def test_a_class_that_qt_lacks_is_refused() -> None:
    with pytest.raises(AttributeError, match="qt has no QPushBotton"):
        _ = qt.QPushBotton


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("QProgressBar", "QProgresBar", "qt has no"), ("collapsed", "colapsed", "no property colapsed")],
)
def test_a_ui_file_with_a_typing_error_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    source = host.ROOT / "SynthPerf" / "Resources" / "UI" / "SynthPerf.ui"
    path = tmp_path / "wrong.ui"
    path.write_text(source.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(AttributeError, match=words):
        slicer.util.loadUI(str(path))


def test_a_parameter_of_another_type_is_refused() -> None:
    from SynthPerfLib.desktop.workspace import Workspace

    scene = slicer.vtkMRMLScene()
    parameters = Workspace(scene).parameters
    with pytest.raises(ValueError, match="is no str"):
        parameters.device = 3
    with pytest.raises(ValueError, match="is no vtkMRMLScalarVolumeNode"):
        parameters.T1 = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
