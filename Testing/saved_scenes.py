"""Scenes written to a bundle file and read again, as Slicer saves and opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer


def can_open(scene: Any, folder: Path) -> Any:
    """``scene``, able to open bundle files; they are unpacked in ``folder``."""
    folder.mkdir(exist_ok=True)
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(folder))
    exchange = slicer.vtkDataIOManager()
    exchange.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(exchange)
    scene.kept = (*getattr(scene, "kept", ()), cache, exchange)
    return scene


def save(scene: Any, path: Path) -> None:
    """Write ``scene`` with all its data to a bundle file."""
    scene.SetRootDirectory(str(path.parent))
    assert scene.WriteToMRB(str(path), None)


def saved_and_opened(scene: Any, folder: Path, new: Any | None = None) -> Any:
    """What a new session (the scene ``new``) finds in ``scene`` after it was saved."""
    save(scene, folder / "scene.mrb")
    again = can_open(slicer.vtkMRMLScene() if new is None else new, folder / "cache")
    assert again.ReadFromMRB(str(folder / "scene.mrb"), True)
    return again
