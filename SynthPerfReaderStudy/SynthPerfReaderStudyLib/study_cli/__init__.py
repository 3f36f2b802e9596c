"""The commands ``synthperf study ...``."""

from .parser import add

__all__ = ["add"]
