"""How maps are coloured, in every figure and view: the one list of colour tables and of the ranges they are shown on.

The tables are plain numbers, so that no plotting library is needed to show a map. viridis and inferno: N. Smith,
S. van der Walt and E. Firing (public domain, CC0); cividis: Nunez, Anderton and Renslow, PLoS ONE 2018;13:e0199239
(for readers with and without a colour deficiency). Between the listed colours the tables are linear; they differ from
the published ones by at most 2 of 255 steps.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_CORNERS = {
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d33638d"
        "31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c"
        "35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51d"
        "fde725"
    ),
    "cividis": (
        "00224e00255300275800295d002b62002d68002f6d0031700533710f35701637701c396f213b6e263d6e2a3f6d2e416d32436d"
        "35456c39486c3c4a6c3f4c6c424e6c45506c48526c4b546c4e566c51586d545a6d565c6d595e6e5c616e5e636f61656f646770"
        "666970696b716c6d726e6f737172747374757676767878777b7a787e7c78807f788381798683798985788c88788f8a78928c78"
        "948e779791779a93769d9576a09875a39a74a69c74a99f73aca172afa471b3a670b6a96fb9ab6dbcae6cbfb06bc2b369c5b568"
        "c8b866ccba64cfbd62d2c060d5c25ed9c55cdcc859dfca57e2cd54e6d051e9d34eedd54af0d846f3db42f7de3efbe138fee434"
        "fee838"
    ),
    "inferno": (
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e"
        "781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612b"
        "ed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992"
        "fcffa4"
    ),
    "grey": "000000ffffff",
    # As on scanner consoles: black for none, then from purple to red.
    "rainbow": "00000046007a1c1cd60090e000b47846c800e6e600ff9600ff2800d20000",
    # Blue to grey to sand: lightness only rises, so that a grey print keeps the sign.
    "difference": "081d583c5c9e808080d3a365fff3cf",
}

COLOURS: dict[str, str] = {
    "viridis": "Viridis (even steps, colour-blind safe)",
    "cividis": "Cividis (even steps, colour-blind safe)",
    "inferno": "Inferno (even steps, colour-blind safe)",
    "grey": "Grey",
    "rainbow": "Rainbow (as on scanner consoles; steps look uneven)",
}
"""Colour table of maps to its description; the first is the default."""

DIFFERENCE = "difference"
"""Colour table of the difference of two maps, symmetric about 0."""

RANGES: dict[str, tuple[float, float]] = {
    "mL/100 g": (0.0, 10.0),
    "mL/100 g/min": (0.0, 100.0),
    "s": (0.0, 12.0),
    "": (0.0, 4.0),
}
"""Unit to the values at the two ends of the colour bar; without a unit: relative to normal tissue."""


@cache
def table(name: str) -> np.ndarray:
    """The 256 colours of a table of :data:`COLOURS` or :data:`DIFFERENCE`: (256, 3), red, green, blue, uint8."""
    corners = np.frombuffer(bytes.fromhex(_CORNERS[name]), np.uint8).reshape(-1, 3)
    at = np.linspace(0, 255, len(corners)).round()
    colours = np.stack([np.interp(np.arange(256), at, channel) for channel in corners.T], axis=1)
    result: np.ndarray = colours.round().astype(np.uint8)
    result.flags.writeable = False
    return result
