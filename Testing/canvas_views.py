"""The page of canvas_page.py for tests: its server, volumes to show, and where on the screen a point must be."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from PIL import Image as Picture
from playwright.sync_api import Locator, Page

TESTING = Path(__file__).parent
RANGE = (0.0, 4.0)
OBLIQUE = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.15, -0.08, 0.2).GetMatrix()


class Canvas:
    """The test page's server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, str(TESTING / "canvas_page.py"), str(folder), str(port)],
            stdout=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        )
        while self.process.poll() is None:
            try:
                self.told()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server of the page ended")

    def told(self, *names: str) -> list[list[Any]]:
        """What the page reported since the last :meth:`do`, signs of life left out."""
        with urllib.request.urlopen(f"{self.address}/told", timeout=5) as answer:
            found = json.loads(answer.read())
        return [each for each in found if each[0] in names] if names else found

    def do(self, name: str, **values: Any) -> None:
        """Call a method of the seat."""
        body = json.dumps([{"do": name, **values}]).encode()
        request = urllib.request.Request(f"{self.address}/do", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5):
            pass

    def wait(self, name: str) -> list[Any]:
        """The next report of this name."""
        for _ in range(200):
            found = self.told(name)
            if found:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"the page did not report {name}: {self.told()}")

    def write(self, name: str, image: sitk.Image) -> str:
        """Put an image where the page finds it."""
        sitk.WriteImage(image, str(self.folder / f"{name}.nii.gz"))
        return f"/images/{name}.nii.gz"

    def show(self, code: str, layout: Sequence[Sequence[dict[str, Any]]], **options: Any) -> None:
        """Show rows of pictures and wait until they are on the screen."""
        images = [picture for row in layout for picture in row]
        self.do("show", code=code, images=images, layout=[[p["name"] for p in row] for row in layout], **options)
        assert self.wait("ready")[1] == code


def a_map(url: str, name: str = "map_a", **other: Any) -> dict[str, Any]:
    given = {"name": name, "label": "Map A", "url": url, "kind": "map", "range": RANGE, "unit": "mL/100 g"}
    return {**given, "colours": "viridis", **other}


def anatomy(url: str, name: str = "image_1", **other: Any) -> dict[str, Any]:
    given = {"name": name, "label": "T1", "url": url, "kind": "image", "range": (0.0, 4.0), "unit": ""}
    return {**given, "colours": "grey", **other}


def volume(
    size: Sequence[int] = (48, 56, 9),
    spacing: Sequence[float] = (2.1, 1.9, 6.5),
    direction: Sequence[float] = OBLIQUE,
    seed: int = 3,
) -> sitk.Image:
    """A smooth volume without any symmetry around the origin; axes to L, P, S."""
    values = np.random.default_rng(seed).random(size[::-1], np.float32)
    image = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(values), 2.5)
    image = sitk.RescaleIntensity(image, 0.0, 3.9)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    centre = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    image.SetOrigin([3.0 - c for c in centre])
    return image


def stage(page: Page) -> np.ndarray:
    """The pixels of the images with all that stands on them, (rows, columns, 3)."""
    page.mouse.move(950, 630)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return np.asarray(Picture.open(io.BytesIO(page.locator(".seat-stage").screenshot())).convert("RGB")).astype(int)


def view(page: Page, name: str) -> Locator:
    return page.locator(f'.seat-view[data-name="{name}"]')


def pixel(page: Page, name: str, image: sitk.Image, point: Sequence[float]) -> tuple[float, float]:
    """Where an axial volume stored with its axes to L, P, S shows a point, in the page; from its definition: fitted to
    the view, middle on middle, left of the patient to the right."""
    box = view(page, name).bounding_box()
    assert box is not None
    extent = [n * s for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    scale = min(box["width"] / extent[0], box["height"] / extent[1])
    index = image.TransformPhysicalPointToContinuousIndex(point)
    away = [(i - (n - 1) / 2) * s for i, n, s in zip(index, image.GetSize(), image.GetSpacing(), strict=True)]
    return box["x"] + box["width"] / 2 + scale * away[0], box["y"] + box["height"] / 2 + scale * away[1]
