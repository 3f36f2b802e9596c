"""The digital cohort: patients with known truth, as hard and as untidy as real ones."""

from __future__ import annotations

from .cohort import make_cohort

__all__ = ["make_cohort"]
