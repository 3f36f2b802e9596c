"""The record of a study: an append-only, hash-chained log of events, its verification and its receipts."""

from .events import NO_PARENT, Birth, Clock, Draft, Event, Kind, Role, canonical, digest, read_utc, written_utc
from .log import Head, RecordLog
from .verification import Finding, Receipt, Verification

__all__ = [
    "NO_PARENT",
    "Birth",
    "Clock",
    "Draft",
    "Event",
    "Finding",
    "Head",
    "Kind",
    "Receipt",
    "RecordLog",
    "Role",
    "Verification",
    "canonical",
    "digest",
    "read_utc",
    "written_utc",
]
