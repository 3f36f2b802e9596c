"""The SynthPerf panel: from the images of the scene to a map, compared, measured, saved."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import DependencyError, SynthPerfError
from ..jobs import Steps
from ..modality import INPUTS, MODALITIES
from ..synthesis import supported
from . import dependencies, nodes
from .compare_section import CompareSection
from .inputs_section import InputsSection
from .making import Made, Maker
from .measure_section import MeasureSection
from .model_section import ModelSection, found_devices
from .observing import Observer
from .panes import Panes
from .reading import cases_in, read_case, title
from .runner import Runner
from .sample import read_sample
from .save_section import SaveSection
from .sentences import sentence
from .subset_section import SubsetSection
from .workspace import Workspace

T = TypeVar("T")

_DOUBLE_CLICK = 500  # ms


class Panel:
    """Drives the widgets of SynthPerf.ui.

    Parameters
    ----------
    widget
        The loaded SynthPerf.ui.
    scene
        The MRML scene.
    panes
        The application's slice views.
    requirements
        Lists the Python packages that a map needs.
    """

    def __init__(self, widget: Any, scene: Any, panes: Panes, requirements: Path) -> None:
        self.ui = slicer.util.childWidgetVariables(widget)
        self.workspace = Workspace(scene)
        self.runner = Runner()
        self.maker = Maker(self.workspace, dependencies.python())
        self._requirements = requirements
        self._running_on: dict[str, str] | None = None
        self.inputs = InputsSection(self.ui, self.workspace)
        self.model = ModelSection(self.ui, self.workspace)
        self.subset = SubsetSection(self.ui, self.workspace)
        self.saving = SaveSection(self.ui, self.workspace)
        self.compare = CompareSection(self.ui.compareSection, self.workspace, panes)
        self.measure = MeasureSection(self.ui.measureSection, self.workspace, self.compare.compare.views)
        self._connect(scene)
        self.refresh()

    def _connect(self, scene: Any) -> None:
        ui = self.ui
        for button, does in (
            (ui.applyButton, self.synthesise),
            (ui.cancelButton, self.cancel),
            (ui.loadCaseButton, self._ask_for_case),
            (ui.sampleButton, self.load_sample),
        ):
            button.connect("clicked()", does)
        kept = ui.progressBar.sizePolicy
        kept.setRetainSizeWhenHidden(True)  # what stands below does not move when work begins
        ui.progressBar.sizePolicy = kept
        self.workspace.changed.connect(self.refresh)
        self.workspace.said.connect(self._say)
        self.model.changed.connect(self.refresh)
        self.runner.changed.connect(self._show_progress)
        self.subset.toggled.connect(self._remake)
        self._observer = Observer()
        kinds = slicer.vtkMRMLScene
        for event in (kinds.StartCloseEvent, kinds.StartImportEvent, kinds.StartRestoreEvent):
            self._observer.watch(scene, event, self._scene_goes)
        for event in (kinds.EndCloseEvent, kinds.EndImportEvent, kinds.EndRestoreEvent):
            self._observer.watch(scene, event, self._scene_came)
        slicer.app.connect("aboutToQuit()", self.runner.cancel)

    def enter(self) -> None:
        """The panel is opened."""
        self.refresh()
        self.compare.enter()
        self.measure.enter()

    def exit(self) -> None:
        """Another module is opened; work goes on."""
        self.compare.exit()
        self.measure.exit()

    def cleanup(self) -> None:
        """Stop all work and look at nothing any more."""
        self.runner.cancel()
        self.compare.cleanup()
        self.measure.cleanup()
        self._observer.release()
        self.workspace.cleanup()
        slicer.app.disconnect("aboutToQuit()", self.runner.cancel)
        for selector in self.inputs.selectors.values():
            selector.setMRMLScene(None)

    # --- what is done

    def synthesise(self) -> None:
        """Make the map, or say why that cannot be."""
        self.model.open()  # its folder may be gone since it was chosen
        why = self.why_not()
        if why:
            self._say(why)
            return
        try:
            if "torch" not in sys.modules:
                self._say(_("Loading PyTorch..."))
                self.ui.messageLabel.repaint()  # now: the first import takes a few seconds
            dependencies.ensure(self._requirements)
        except DependencyError as error:
            self._say(sentence(error))
            return
        self._say("")
        inside = set(self.workspace.inputs) & set(self.model.bundle.modalities if self.model.bundle else ())
        if inside <= set(self.subset.left_out):
            self.workspace.parameters.left_out = ""
        self._running_on = self._chosen()
        steps = self.maker.make(self.model.folder, self.model.device, self.subset.left_out)
        self._start(steps, self._made)

    def cancel(self) -> None:
        """Stop the work; the scene is as it was."""
        if self.runner.busy:
            self.runner.cancel()
            self.subset.follow_map()
            self._say(_("Stopped. Nothing was changed."))

    def load_case(self, folder: Path, choose: Any = None) -> None:
        """Read the images of one case below ``folder``.

        Parameters
        ----------
        choose
            Called with the cases' ids if there are several; gives one of them, or nothing to read none.
        """
        try:
            cases = cases_in(folder)
        except (SynthPerfError, OSError) as error:
            self._say(sentence(error))
            return
        chosen = next(iter(cases)) if len(cases) == 1 or choose is None else choose(list(cases))
        if chosen:
            self._say("")
            self._start(read_case(cases[chosen], self.workspace.scene), self._read)

    def load_sample(self) -> None:
        """Read the simulated patient that comes with SynthPerf."""
        self._say("")
        self._start(read_sample(self.workspace.scene), self._read)

    def why_not(self) -> str:
        """Why no map can be made now; empty if one can."""
        inputs = self.workspace.inputs
        if self.model.bundle is None:
            return self.model.problem
        if not inputs:
            names = ", ".join(MODALITIES[name].label for name in self.model.bundle.modalities)
            return _("Choose at least one image under Inputs ({images}), or load a case.").format(images=names)
        nodes_of: dict[str, str] = {}
        for name, node in inputs.items():
            if node.GetAttribute(nodes.SYNTHETIC):
                return _("{image} is a synthetic map: choose a measured image.").format(image=MODALITIES[name].label)
            if node.GetID() in nodes_of:
                return _("{one} and {other} are the same image: choose another one for one of them.").format(
                    one=MODALITIES[nodes_of[node.GetID()]].label, other=MODALITIES[name].label
                )
            nodes_of[node.GetID()] = name
        try:
            supported(self.model.bundle, tuple(inputs))  # type: ignore[arg-type]
        except SynthPerfError as error:
            return sentence(error)
        return ""

    # --- what is shown

    def refresh(self) -> None:
        """Show what the workspace holds and what can be done."""
        bundle = self.model.bundle
        known, any_subset = (bundle.modalities, bundle.any_subset) if bundle is not None else (INPUTS, True)
        self.inputs.for_model(known, any_subset)
        self.subset.refresh(known, any_subset)
        self.saving.refresh()
        if self.runner.busy and self._running_on is not None and self._running_on != self._chosen():
            self.runner.cancel()
            self._say(_("An image was removed or exchanged: stopped. Nothing was changed."))
        elif not self.runner.busy and not self.workspace.map_is_current:
            self._say(_("The map was made from other images than those chosen now: make it again."))
        why = self.why_not()
        self.ui.applyButton.enabled = not why
        self.ui.applyButton.toolTip = why or _("Make a synthetic blood volume map of the chosen images.")
        self._show_progress()

    def _show_progress(self) -> None:
        ui, busy = self.ui, self.runner.busy
        ui.applyButton.visible, ui.cancelButton.visible, ui.progressBar.visible = not busy, busy, busy
        for button in (ui.loadCaseButton, ui.sampleButton):
            button.enabled = not busy
        if busy:
            progress, left = self.runner.progress, self.runner.seconds_left
            ui.progressBar.value = round(1000 * progress.fraction)
            words = progress.words[:1].upper() + progress.words[1:]
            self._say(words if left is None else _("{words}, about {left:.0f} s left").format(words=words, left=left))

    def _say(self, words: str) -> None:
        self.ui.messageLabel.text = words

    # --- what happens

    def _start(self, steps: Steps[T], done: Callable[[T], None]) -> None:
        # The button to cancel comes where the other one was: the second half of a double click must not press it.
        self.ui.cancelButton.enabled = False
        qt.QTimer.singleShot(_DOUBLE_CLICK, self._allow_cancel)
        self.runner.start(steps, done, self._failed)

    def _allow_cancel(self) -> None:
        if self.runner.busy:
            self.ui.cancelButton.enabled = True

    def _made(self, made: Made) -> None:
        self._running_on = None
        self.maker.put(made)
        self._show(self.workspace.map)
        self.subset.tell(made)
        self.ui.deviceLabel.text = found_devices()
        names = ", ".join(MODALITIES[name].label for name in made.sidecar["Modalities"])
        done = _("The map is made from {images}.").format(images=names)
        self._say(" ".join([done, *made.cautions]))

    def _read(self, found: dict[str, Any]) -> None:
        parameters = self.workspace.parameters
        was = parameters.StartModify()
        parameters.left_out = ""
        parameters.map = parameters.difference = parameters.found_brain = None  # they are of another case
        parameters.EndModify(was)
        self.inputs.clear()
        read = dict.fromkeys(found, _("Read with this case."))
        self.inputs.fill(found, read)
        names = ", ".join(map(title, found))
        self._show(found.get("T1") or next(iter(found.values())))
        self._say(_("Read: {images}.").format(images=names))

    def _show(self, node: Any) -> None:
        """Show an image in the slice views, unless the comparison is there."""
        logic = slicer.app.applicationLogic()
        if logic is None or logic.GetMRMLScene() is not self.workspace.scene or self.compare.compare.views.active:
            return
        logic.GetSelectionNode().SetReferenceActiveVolumeID(node.GetID())
        logic.PropagateVolumeSelection()

    def _failed(self, error: Exception) -> None:
        self._running_on = None
        self.subset.follow_map()
        self._say(sentence(error))

    def _remake(self) -> None:
        if self.workspace.map is not None:
            self.synthesise()

    def _scene_goes(self) -> None:
        self.runner.cancel()
        self.compare.suspend()
        self._say("")

    def _scene_came(self) -> None:
        self.maker.forget()
        self.workspace.restore()
        self.model.refresh()
        self.compare.restore()
        self.ui.subsetLabel.text = ""

    def _chosen(self) -> dict[str, str]:
        brain = self.workspace.parameters.BRAIN
        found = {**self.workspace.inputs, **({"BRAIN": brain} if brain is not None else {})}
        return {name: node.GetID() for name, node in found.items()}

    def _ask_for_case(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.ui.loadCaseButton, _("Folder of a case"))
        if folder:
            self.load_case(Path(folder), self._ask_which)

    def _ask_which(self, cases: list[str]) -> str:
        window = qt.QInputDialog(self.ui.loadCaseButton)
        window.windowTitle = _("Case")
        window.setLabelText(_("Which case of this folder?"))
        window.setComboBoxItems(cases)
        return str(window.textValue()) if window.exec_() else ""
