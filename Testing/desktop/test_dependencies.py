"""What has to be installed, outside Slicer only: in Slicer what is installed stays as it is."""

from __future__ import annotations

import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

import host  # noqa: F401  (first: it puts the stand-ins in place)
import slicer
from SynthPerfLib.desktop import dependencies
from SynthPerfLib.errors import DependencyError


class DependencyTest(unittest.TestCase):
    """What a map needs is there, or one sentence says why not."""

    def setUp(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.requirements = Path(self.place.name) / "requirements.txt"
        self.requirements.write_text("numpy>=1\n", encoding="utf-8")

    def ensure(self) -> str:
        with self.assertRaises(DependencyError) as caught:  # noqa: PT027  (there is no pytest in Slicer)
            dependencies.ensure(self.requirements)
        return str(caught.exception)

    def without_torch(self, utilities: types.ModuleType | None) -> mock._patch_dict:
        find = mock.patch.object(dependencies.importlib.util, "find_spec", return_value=None)
        find.start()
        self.addCleanup(find.stop)
        return mock.patch.dict(sys.modules, {"PyTorchUtils": utilities})

    def utilities(self, **install: object) -> types.ModuleType:
        made = types.ModuleType("PyTorchUtils")
        made.PyTorchUtilsLogic = mock.Mock(return_value=mock.Mock(installTorch=mock.Mock(**install)))  # type: ignore[attr-defined]
        return made

    def test_what_is_there_is_not_asked_for(self) -> None:
        dependencies.ensure(self.requirements)

    def test_without_the_extension(self) -> None:
        with self.without_torch(None):
            assert "install the extension PyTorch in the Extensions Manager and restart" in self.ensure()

    def test_declined(self) -> None:
        with self.without_torch(self.utilities(return_value=None)):
            assert "PyTorch was not installed" in self.ensure()

    def test_without_a_network(self) -> None:
        with self.without_torch(self.utilities(side_effect=OSError("unreachable"))):
            assert "check the network" in self.ensure()

    def test_a_package_that_is_declined(self) -> None:
        self.requirements.write_text("no-such-distribution>=1\n", encoding="utf-8")
        assert "packages were not installed" in self.ensure()

    def test_a_package_that_cannot_be_fetched(self) -> None:
        self.requirements.write_text("no-such-distribution>=1\n", encoding="utf-8")
        with mock.patch.object(slicer.packaging, "pip_ensure", side_effect=OSError("unreachable")):
            assert "could not be installed: check the network" in self.ensure()

    def test_nothing_is_installed_while_slicer_tests_itself(self) -> None:
        self.requirements.write_text("no-such-distribution>=1\n", encoding="utf-8")
        with mock.patch.object(slicer.packaging, "pip_ensure", return_value=None):
            assert "no-such-distribution" in self.ensure()
