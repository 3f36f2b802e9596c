"""What every section of a report is written from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis import Analysis
from ..ratings import Ratings
from .found import Found

if TYPE_CHECKING:
    from ..protocol import Protocol


@dataclass(frozen=True)
class Names:
    """What people call things; ids where nothing else is known.

    Attributes
    ----------
    items, arms
        Id to words.
    anchors
        Item to the words at the points of its scale.
    answers
        Item to the words of each possible answer.
    """

    items: Mapping[str, str] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)
    anchors: Mapping[str, Mapping[float, str]] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def in_order(self, ratings: Ratings) -> Ratings:
        """With the items in the order of the questions; those that are none of them stay behind."""
        order = list(self.items)
        names = sorted(ratings.items, key=lambda item: order.index(item) if item in order else len(order))
        return replace(ratings, items={name: ratings.items[name] for name in names})

    @classmethod
    def of(cls, protocol: Protocol) -> Names:
        """The words of a protocol; its images are the arms of regions of interest."""
        asked = {question.id: question.text for question in protocol.questions}
        maps = {name: f"{image.source} {image.modality}" for name, image in protocol.images.items()}
        return cls(
            asked | {roi.id: roi.title for roi in protocol.rois},
            maps | {arm.id: arm.title for arm in protocol.arms},
            {
                question.id: {float(point): words for point, words in question.anchors.items()}
                for question in protocol.questions
                if question.kind == "likert"
            },
            {
                question.id: {answer.value: answer.label for answer in question.choices}
                for question in protocol.questions
                if question.kind == "choice"
            },
        )

    def item(self, id: str) -> str:
        """The question's words."""
        return self.items.get(id, id)

    def arm(self, id: str) -> str:
        """The arm's title."""
        return self.arms.get(id, id)

    def answer(self, item: str, value: str) -> str:
        """One of the possible answers to a question."""
        return self.answers.get(item, {}).get(value, value)


@dataclass(frozen=True)
class Context:
    """An analysis, what it was made from, and the words for it."""

    done: Analysis
    names: Names = field(default_factory=Names)

    @cached_property
    def ratings(self) -> Ratings | None:
        """The answers, items in the order of the questions."""
        return None if self.done.ratings is None else self.names.in_order(self.done.ratings)

    @cached_property
    def regions(self) -> Ratings | None:
        """Values of the regions of interest: the maps are the arms."""
        return None if self.done.regions is None else self.names.in_order(self.done.regions)

    @cached_property
    def found(self) -> Found:
        """The estimates by their place."""
        return Found(self.done.rows)

    @property
    def level(self) -> str:
        """Coverage of the intervals in per cent, such as 95."""
        return f"{100 * self.done.settings.level:g}"

    @property
    def items(self) -> list[str]:
        """The items that were rated."""
        return [] if self.ratings is None else list(self.ratings.items)

    @property
    def design(self) -> Mapping[str, Any]:
        """The numbers of readers, cases and so on; empty without ratings."""
        found: Mapping[str, Any] = self.done.facts.get("design", {})
        return found

    def ordered(self, arms: Iterable[str]) -> list[str]:
        """Arms as the differences go: those of the primary endpoint first, else the reference last."""
        there = list(arms)
        for endpoint in self.done.facts.get("endpoints", ()):
            if endpoint["kind"] == "primary":
                first = list(endpoint["arms"])
                return sorted(there, key=lambda arm: first.index(arm) if arm in first else len(first))
        return sorted(there, key=lambda arm: arm == self.done.settings.reference)

    def values(self, item: str, arm: str) -> np.ndarray | None:
        """Every number that readers gave to an item in an arm, first reads; None if there are no numbers."""
        found = None if self.ratings is None else self.ratings.items.get(item)
        if self.ratings is None or found is None or found.words or arm not in self.ratings.arms:
            return None
        values = found.first[:, :, self.ratings.arms.index(arm)]
        chosen: np.ndarray = values[~np.isnan(values)]
        return chosen

    @cached_property
    def curves(self) -> dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]]:
        """False- and true-positive rates of each ROC curve by item, arm and reader."""
        gathered: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        _, rows = self.done.tables.get("roc_curves", ((), []))
        for row in rows:
            gathered.setdefault((row["item"], row["arm"], row["reader"]), []).append((row["fpr"], row["tpr"]))
        found = {}
        for key, points in gathered.items():
            both = np.array(points)
            found[key] = (both[:, 0], both[:, 1])
        return found

    @cached_property
    def _slugs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in [item for table in (self.ratings, self.regions) if table is not None for item in table.items]:
            plain = re.sub(r"[^A-Za-z0-9]+", "_", item).strip("_").lower()[:40] or "item"
            found[item] = plain if plain not in found.values() else f"{plain}_{len(found) + 1}"
        return found

    def slug(self, item: str) -> str:
        """The item as a part of a file name; two items never share one."""
        return self._slugs.get(item, "item")
