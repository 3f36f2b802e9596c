"""How well readers tell the classes apart: ROC curves, thresholds, arms against one another."""

from .section import accuracy

__all__ = ["accuracy"]
