"""The report of a reader study: one HTML file that a radiologist reads from top to bottom."""

from .write import write_report

__all__ = ["write_report"]
