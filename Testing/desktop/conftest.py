"""The panels outside Slicer: Qt and CTK as PythonQt shows them, a real MRML scene."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import host  # noqa: F401  (puts the stand-ins in place)
import slicer


@pytest.fixture
def a_scene() -> Iterator[Any]:
    """An empty MRML scene."""
    scene = slicer.vtkMRMLScene()
    yield scene
    scene.Clear(True)
