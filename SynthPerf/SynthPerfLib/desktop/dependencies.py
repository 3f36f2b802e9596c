"""The libraries that a map needs and Slicer lacks: asked for once, when the first map is made."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ..errors import DependencyError

_TORCH = ">=2.4"


def ensure(requirements: Path) -> None:
    """Have PyTorch and what ``requirements`` lists, or say why not. The user is asked before anything is installed.

    Raises
    ------
    DependencyError
        If the user declined, there is no network, or an installation failed: one sentence.
    """
    # Threads that wait for one another give way instead of spinning (read by OpenMP when torch is first imported).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _ensure_torch()
    _ensure_listed(requirements)


def _ensure_torch() -> None:
    if importlib.util.find_spec("torch") is not None:
        try:
            importlib.import_module("torch")
        except Exception as error:  # a half installation fails in many ways
            raise DependencyError(
                _("PyTorch is installed but cannot be loaded: install it again in the module PyTorch Utils, restart.")
            ) from error
        return
    try:
        utilities: Any = importlib.import_module("PyTorchUtils")
    except ImportError as error:
        raise DependencyError(
            _("A map needs PyTorch: install the extension PyTorch in the Extensions Manager and restart Slicer.")
        ) from error
    try:
        torch = utilities.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=_TORCH)
    except Exception as error:  # pip's own, the network's
        raise DependencyError(_("PyTorch could not be installed: check the network and the free space.")) from error
    if torch is None:
        raise DependencyError(_("PyTorch was not installed: without it no map can be made. Press again to be asked."))


def _ensure_listed(requirements: Path) -> None:
    try:
        packaging: Any = importlib.import_module("slicer.packaging")
    except ImportError as error:
        raise DependencyError(_("SynthPerf needs Slicer 5.12 or newer: install a newer Slicer.")) from error
    wanted = packaging.load_requirements(requirements)
    try:
        packaging.pip_ensure(wanted, requester="SynthPerf")  # asks; asks for a restart too, if one is needed
    except RuntimeError as error:
        raise DependencyError(
            _("The Python packages were not installed: without them no map can be made. Press again to be asked.")
        ) from error
    except Exception as error:  # pip's own, the network's
        raise DependencyError(
            _("The Python packages could not be installed: check the network and the free space.")
        ) from error
    if not packaging.pip_check(wanted):  # when Slicer tests itself nothing is installed
        names = ", ".join(str(item) for item in wanted)
        raise DependencyError(_("Python packages are missing: {names}.").format(names=names))


def python() -> str:
    """Slicer's Python as a program of its own."""
    return shutil.which("PythonSlicer") or sys.executable
