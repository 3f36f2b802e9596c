"""The published networks, one file each, and the table that names them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from torch import nn

NETWORKS: dict[str, tuple[str, str]] = {
    "iedn": ("iedn", "IEDN"),
    "encoder_decoder": ("encoder_decoder", "EncoderDecoder"),
}
"""Name -> (module of this package, class). Adding a network is one file and one line."""


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """An untrained network.

    Raises
    ------
    ModelError
        If there is no such network, or it does not take these options.
    """
    if name not in NETWORKS:
        raise ModelError(f"There is no network {name!r}: choose from {', '.join(NETWORKS)}.")
    module, class_name = NETWORKS[name]
    try:
        return getattr(import_module(f".{module}", __name__), class_name)(**options)
    except (TypeError, ValueError) as error:
        raise ModelError(f"The network {name!r} cannot be built from {dict(options)}: {error}.") from error


def class_path(name: str) -> str:
    """Where a network's class is, as a MONAI bundle names it."""
    module, class_name = NETWORKS[name]
    return f"{__name__}.{module}.{class_name}"
