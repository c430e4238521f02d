"""The options of tracking, in groups as those of `detect.inference.options`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from detect.inference.options import option
from detect.tracking.methods import DEFAULT, METHODS, find_method
from detect.tracking.regions import Region, read_regions

Given = Sequence[str | Sequence[float]] | None  # lines or zones, as for `read_regions`


@dataclass(frozen=True)
class TrackingOptions:
    """Options of tracking."""

    title: ClassVar[str] = "Tracking"
    tracker: str = option(f"How objects are found again: {', '.join(METHODS)}.", DEFAULT)

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` where there is no such tracker, or it is not installed."""
        find_method(self.tracker)


@dataclass(frozen=True)
class CountingOptions:
    """Options of counting objects at lines and in zones."""

    title: ClassVar[str] = "Counting"
    line: list[str] | None = option(
        "Count the objects that cross the line x1,y1,x2,y2, in pixels or in per cent (0%,50%,100%,50%). May be given "
        "several times."
    )
    zone: list[str] | None = option(
        "Count the objects that enter and leave the polygon x1,y1,x2,y2,x3,y3 and so on. May be given several times."
    )

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise `BadInput` for a line or a zone that is none; `spelled` returns how the name of an option is shown."""
        self.regions(spelled)

    def regions(self, spelled: Callable[[str], str] = str) -> list[Region]:
        """Return the lines, then the zones."""
        return [*read_regions("line", self.line or (), spelled), *read_regions("zone", self.zone or (), spelled)]
