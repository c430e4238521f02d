"""The problems of a dataset: each is counted, has a place, and says what was done about it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

Rows = Sequence[int] | np.ndarray
Box = tuple[float, float, float, float]  # x1, y1, x2, y2

TEXTS_PER_KIND = 1000  # a file with a million bad lines is as clear after the first thousand


@dataclass(frozen=True)
class Problem:
    """One bad file, line or box."""

    kind: str  # singular, such as "missing image"; problems are counted by it
    where: str  # the file, and the line or annotation id in it
    what: str  # what was found
    action: str  # what was done about it
    image: str = ""  # path of an image that shows it; empty where there is none
    box: Box | None = None  # the box in this image that it is about, pixels

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.action}"


@dataclass
class Problems:
    """The problems of one split, how many images and boxes it states, and how many of them are lost."""

    images_total: int = 0  # images that the annotations name
    boxes_total: int = 0  # boxes that they state
    lost_images: int = 0
    lost_boxes: int = 0  # those of lost images included
    boxes_leaving_turned: int = 0  # boxes that leave an image which its EXIF orientation turns by a quarter
    boxes_drawn_unturned: int = 0  # those of them that would not leave it as it is stored
    counts: Counter[str] = field(default_factory=Counter)  # by kind
    _texts: dict[str, list[Problem]] = field(default_factory=dict)

    def add(self, kind: str, where: str, what: str, action: str, *, images: int = 0, boxes: int = 0) -> None:
        """Add one problem.

        Args:
            kind: by which problems are counted, such as "missing image".
            where: the file, and the line or annotation id in it.
            what: what was found.
            action: what was done about it.
            images: number of images that are lost by it.
            boxes: number of boxes that are lost by it.
        """
        self.add_many(kind, [0], lambda _: (where, what), action)
        self.lost_images += images
        self.lost_boxes += boxes

    def add_many(
        self,
        kind: str,
        rows: Rows,
        describe: Callable[[int], tuple[str, str]],
        action: str,
        show: Callable[[int], tuple[str, Box | None]] = lambda row: ("", None),
    ) -> None:
        """Add one problem for each of `rows`. Nothing is counted as lost.

        Args:
            kind: of the problems.
            rows: what `describe` is called with; for the first `TEXTS_PER_KIND` of a kind only.
            describe: returns where the problem is and what was found.
            action: what was done about it.
            show: returns the image that shows the problem, and the box that it is about.
        """
        if not len(rows):
            return
        self.counts[kind] += len(rows)
        texts = self._texts.setdefault(kind, [])
        for row in rows[: TEXTS_PER_KIND - len(texts)]:
            where, what = describe(int(row))
            texts.append(Problem(kind, where, what, action, *show(int(row))))

    def join(self, others: "Problems") -> None:
        """Add the problems that others count, and what is lost by them. Their totals are not added."""
        self.lost_images += others.lost_images
        self.lost_boxes += others.lost_boxes
        self.boxes_leaving_turned += others.boxes_leaving_turned
        self.boxes_drawn_unturned += others.boxes_drawn_unturned
        self.counts += others.counts
        for kind, texts in others._texts.items():
            own = self._texts.setdefault(kind, [])
            own.extend(texts[: TEXTS_PER_KIND - len(own)])

    def copy(self) -> "Problems":
        """Return the same problems, to which others can be added."""
        problems = Problems(self.images_total, self.boxes_total)
        problems.join(self)
        return problems

    def __iter__(self) -> Iterator[Problem]:
        """Yield the problems, kind by kind, at most `TEXTS_PER_KIND` of each."""
        return (problem for texts in self._texts.values() for problem in texts)

    def __len__(self) -> int:
        """Return how many there are, including those that are only counted."""
        return self.counts.total()

    def lost_share(self) -> float:
        """Return the share of images or of boxes that is lost, whichever is larger, 0 to 1."""
        images = self.lost_images / self.images_total if self.images_total else 0.0
        boxes = self.lost_boxes / self.boxes_total if self.boxes_total else 0.0
        return max(images, boxes)

    def summary(self, examples: int = 2) -> list[str]:
        """Return one line per kind: how many there are, what was done, and the first `examples` of them."""
        lines = []
        for kind, texts in self._texts.items():
            first = " | ".join(f"{problem.where}: {problem.what}" for problem in texts[:examples])
            lines.append(f"{kind}: {self.counts[kind]} ({texts[0].action}). {first}")
        return lines
