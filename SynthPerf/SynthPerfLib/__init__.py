"""SynthPerf: synthetic perfusion maps from routine MRI. Research use only."""

from __future__ import annotations

__version__ = "0.1.0"
