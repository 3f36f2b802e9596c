"""One analysis of a reader study, from its tables or its folder to results.json and tidy tables."""

from .run import Analysis, analyse_tables, write_analysis
from .settings import Settings
from .study import analyse_study

__all__ = ["Analysis", "Settings", "analyse_study", "analyse_tables", "write_analysis"]
