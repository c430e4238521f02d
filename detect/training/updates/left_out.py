"""Images that turn out to be unreadable in the course of a run."""

from collections.abc import Callable
from dataclasses import dataclass, field

from detect.data.dataset import Dataset, check_losses, split
from detect.data.problems import Problems
from detect.data.samples.checked_images import UnreadableImages, add_unreadable

NAMED = 3  # images that are named at a time


@dataclass
class LeftOut:
    """Names and counts the images of a split that are left out, and ends the run where they are too many.

    Attributes:
        dataset: of the run; what is found is added to its problems.
        split: name of the split.
        max_lost: largest share of the images, or of the boxes, that may be lost, 0..1.
        say: shows a line to the user.
    """

    dataset: Dataset
    split: str
    max_lost: float
    say: Callable[[str], None]
    _known: set[int] = field(default_factory=set)

    def note(self, unreadable: UnreadableImages) -> None:
        """Name the images that have been found since the last call.

        Raises:
            BadInput: more than `max_lost` of the split is lost.
        """
        new = [index for index in unreadable.indices().tolist() if index not in self._known]
        if not new:
            return
        self._known.update(new)
        records, problems = split(self.dataset, self.split), self.dataset.problems[self.split]
        found = Problems()
        add_unreadable(found, records, new)
        problems.join(found)
        for line in found.summary(NAMED):
            self.say(f"{self.split}: {line}")
        check_losses(self.dataset, self.split, self.max_lost)
