"""SynthPerf Reader Study in 3D Slicer: the module, its panel, its tests. What they do is in SynthPerfReaderStudyLib."""

from __future__ import annotations

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class SynthPerfReaderStudy(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("SynthPerf Reader Study")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["SynthPerf"]
        parent.contributors = ["The SynthPerf contributors"]
        parent.helpText = _(
            "Blinded reader studies: people judge images without knowing what they look at.<p><b>Research use only: "
            "not for diagnosis or treatment.</b></p><p>Readers: open the study or the package that you were given, say "
            "who you are, press <i>Begin</i>. Coordinators: create a study, follow it, lock and analyse it. "
            '<a href="https://github.com/SynthPerf/SlicerSynthPerf/blob/main/docs/reading-in-slicer.md">'
            "How it works</a>.</p>"
        )
        parent.acknowledgementText = _("Apache License 2.0.")


class SynthPerfReaderStudyWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    start = None

    def setup(self):
        """Show the panel, or offer to install what it needs."""
        super().setup()
        from SynthPerfReaderStudyLib.desktop.start import Start

        self.start = Start(self.layout, self._panel, Path(self.resourcePath("requirements-reading.txt")))

    def _panel(self):
        from SynthPerfReaderStudyLib.desktop.panel import Panel
        from SynthPerfReaderStudyLib.desktop.place import place_in_slicer

        widget = slicer.util.loadUI(self.resourcePath("UI/SynthPerfReaderStudy.ui"))
        self.layout.addWidget(widget)
        return Panel(widget, place_in_slicer())

    def exit(self):
        """Another module is opened, or Slicer ends."""
        if self.start is not None and self.start.panel is not None:
            self.start.panel.exit()

    def cleanup(self):
        """Let go of everything."""
        if self.start is not None and self.start.panel is not None:
            self.start.panel.cleanup()
        self.start = None

    def onReload(self):
        """Load the module again, its libraries too."""
        packages = ("SynthPerfReaderStudyLib", "SynthPerfLib")
        for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
            del sys.modules[name]
        super().onReload()


class SynthPerfReaderStudyTest(ScriptedLoadableModuleTest):
    """The tests of the panel, which also run outside Slicer: those of the source code's folder Testing/desktop."""

    def runTest(self):
        """Run them; a failure is raised."""
        import unittest

        folder = Path(__file__).resolve().parents[1] / "Testing" / "desktop"
        if not folder.is_dir():
            self.delayDisplay(_("The tests come with the source code: run the module from a checkout."))
            return
        sys.path.insert(0, str(folder))
        try:
            tests = unittest.defaultTestLoader.discover(str(folder), pattern="test_reading*.py")
            result = unittest.TextTestRunner(verbosity=2).run(tests)
        finally:
            sys.path.remove(str(folder))
        if not result.wasSuccessful():
            raise AssertionError(f"{len(result.failures)} tests failed, {len(result.errors)} could not run.")
