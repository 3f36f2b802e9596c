"""SynthPerf in 3D Slicer: the module, its panel, its tests. What they do is in SynthPerfLib."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class SynthPerf(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("SynthPerf")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = []
        parent.contributors = ["The SynthPerf contributors"]
        parent.helpText = _(
            "Makes a synthetic map of the cerebral blood volume (CBV) from arterial spin labeling (ASL) and standard "
            "MRI by a trained model, shows it beside what was measured, and measures it.<p><b>Research use only: not "
            "for diagnosis or treatment.</b></p><p>Choose the images (or load a case), press <i>Synthesise map</i>, "
            'compare, measure, save. <a href="https://github.com/SynthPerf/SlicerSynthPerf/blob/main/docs/slicer.md">'
            "How it works</a>.</p>"
        )
        parent.acknowledgementText = _("Apache License 2.0. The model that ships was trained with simulated patients.")
        slicer.app.connect("startupCompleted()", on_startup)


def on_startup():
    """Make known to Slicer what is ours: the simulated patient, and the layouts that saved scenes may ask for."""
    register_sample()
    if slicer.app.layoutManager() is not None:  # None without a main window
        from SynthPerfLib.desktop.slicer_panes import register_layouts

        register_layouts(slicer.app.layoutManager().layoutLogic().GetLayoutNode(), "SynthPerf")


def register_sample():
    """Offer the simulated patient in Slicer's Sample Data; it is made here, not downloaded."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="SynthPerf",
        sampleName="SynthPerfSimulatedPatient",
        uris=[],  # nothing is downloaded
        fileNames=[],
        customDownloader=load_sample,
    )


def load_sample(_source):
    """Open the module and let its panel read the simulated patient."""
    slicer.util.selectModule("SynthPerf")
    slicer.modules.synthperf.widgetRepresentation().self().panel.load_sample()


class SynthPerfWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    panel = None

    def setup(self):
        """Load the widgets and put the panel in charge of them."""
        super().setup()
        from SynthPerfLib.desktop.panel import Panel
        from SynthPerfLib.desktop.slicer_panes import application_panes

        widget = slicer.util.loadUI(self.resourcePath("UI/SynthPerf.ui"))
        widget.setMRMLScene(slicer.mrmlScene)
        self.layout.addWidget(widget)
        requirements = Path(self.resourcePath("requirements.txt"))
        self.panel = Panel(widget, slicer.mrmlScene, application_panes(), requirements)

    def enter(self):
        """The panel is opened."""
        self.panel.enter()

    def exit(self):
        """Another module is opened."""
        self.panel.exit()

    def cleanup(self):
        """Stop what is going on."""
        if self.panel is not None:
            self.panel.cleanup()
            self.panel = None

    def onReload(self):
        """Load the module again, its library too."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "SynthPerfLib"]:
            del sys.modules[name]
        super().onReload()


class SynthPerfTest(ScriptedLoadableModuleTest):
    """The tests of the panel, which also run outside Slicer; they come with the source code, in Testing/desktop."""

    NAMES = ("test_parts", "test_panel", "test_same_map", "test_compare", "test_measure")

    def runTest(self):
        """Run them all; a failure is raised."""
        folder = Path(__file__).resolve().parents[1] / "Testing" / "desktop"
        if not folder.is_dir():
            self.delayDisplay(_("The tests come with the source code: run the module from a checkout."))
            return
        sys.path.insert(0, str(folder))
        try:
            result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(self.NAMES))
        finally:
            sys.path.remove(str(folder))
        if not result.wasSuccessful():
            raise AssertionError(f"{len(result.failures)} tests failed, {len(result.errors)} could not run.")
