"""Compute the numbers of a row from the answers of all sides of a comparison."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from measuring.comparisons import Comparison
from measuring.workers import Answer

RATES = ("images/s", "frames/s")


@dataclass(frozen=True)
class Spread:
    """The values of one side over all rounds, in the unit of the row."""

    median: float
    low: float  # 10th percentile
    high: float  # 90th percentile
    memory: float  # peak resident memory of its process, MB


@dataclass(frozen=True)
class Row:
    """A measured comparison."""

    name: str
    text: str
    unit: str
    ours: float
    peer: float | None  # of the best other project, or of the one that the target names
    peer_name: str | None
    ratio: float | None  # to that project, above 1 where ours is better: the median over the rounds
    target: float | None  # the least ratio
    target_of: str | None  # the project that the target is for, if not the best
    limit: float | None  # largest value that ours may have
    rounds: int
    measured: str  # date
    machine: str  # see `machine`
    sides: dict[str, Spread] = field(default_factory=dict)  # by project, ours first
    ratios: dict[str, float] = field(default_factory=dict)  # to each other project
    models: dict[str, str] = field(default_factory=dict)  # their sizes by project, where they have different models
    missing: dict[str, str] = field(default_factory=dict)  # why a project has no figure

    @property
    def reached(self) -> bool | None:
        """Whether target and limit are met; None if there is neither."""
        kept = []
        if self.target is not None and self.ratio is not None:
            kept.append(self.ratio >= self.target)
        if self.limit is not None:
            kept.append(self.ours <= self.limit)
        return all(kept) if kept else None

    def sentence(self) -> str:
        others = ", ".join(
            f"{name} {self.sides[name].median:.4g} (ratio {ratio:.2f})" for name, ratio in self.ratios.items()
        )
        verdict = {None: "", True: "  reached", False: "  NOT REACHED"}[self.reached]
        return f"{self.ours:.4g} {self.unit}; {others}{verdict}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}


def row_from_json(content: dict[str, Any]) -> Row:
    sides = {name: Spread(**spread) for name, spread in content["sides"].items()}
    return Row(**{key: value for key, value in content.items() if key not in ("reached", "sides")}, sides=sides)


def summarize(
    comparison: Comparison,
    projects: Sequence[str],
    answers: list[list[Answer]],
    models: Mapping[str, str] = MappingProxyType({}),
    missing: Mapping[str, str] = MappingProxyType({}),
) -> Row:
    """Return the row of a comparison.

    Args:
        comparison: what was measured.
        projects: names of the sides, ours first.
        answers: by side and round.
        models: sizes of their models, by project.
        missing: why projects were not measured.
    """
    raw = [[answer[comparison.figure] for answer in side] for side in answers]
    sides = {
        project: _spread(comparison, values, side) for project, values, side in zip(projects, raw, answers, strict=True)
    }
    ratios = {
        project: statistics.median(theirs / ours for ours, theirs in zip(raw[0], values, strict=True))
        for project, values in zip(projects[1:], raw[1:], strict=True)
    }
    wanted = comparison.target_of if comparison.target_of in ratios else None
    best = wanted or min(ratios, key=lambda project: ratios[project], default=None)
    return Row(
        name=comparison.name,
        text=comparison.text,
        unit=comparison.unit,
        ours=sides[projects[0]].median,
        peer=sides[best].median if best else None,
        peer_name=best,
        ratio=ratios[best] if best else None,
        target=comparison.target,
        target_of=comparison.target_of,
        limit=comparison.limit,
        rounds=len(raw[0]),
        measured=date.today().isoformat(),
        machine=machine(),
        sides=sides,
        ratios=ratios,
        models=dict(models),
        missing=dict(missing),
    )


def machine() -> str:
    """Return the number of cores that this process may use, their name, the system and the version of Python."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{cores} cores of {named[0] if named else platform.processor()} ({system})"


def _spread(comparison: Comparison, values: list[float], answers: list[Answer]) -> Spread:
    in_unit = [_in_unit(comparison, value) for value in values]
    low, high = np.percentile(in_unit, [10, 90]).tolist()
    return Spread(statistics.median(in_unit), low, high, max(answer["memory"] for answer in answers) / 1e6)


def _in_unit(comparison: Comparison, value: float) -> float:
    if comparison.unit in RATES:
        return comparison.count / value
    return value * {"ms": 1e3, "s": 1.0, "MB": 1e-6, "bytes": 1.0}[comparison.unit]
