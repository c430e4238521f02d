"""The settings of the input pipeline. Reading them does not need TensorFlow."""

import pydantic

from detect.config import Settings
from detect.data.samples.augmentation import Augmentation
from detect.machine import cores

MOST_WORKERS = 16  # where the user does not say how many


class PipelineSettings(Settings):
    """Settings of how training samples are made, and of the resources that this takes.

    Only `augmentation`, `repeat_factor` and `max_boxes` change the samples.
    """

    augmentation: Augmentation = Augmentation()
    repeat_factor: float = pydantic.Field(0.0, ge=0, le=1)
    """Images of rare classes are shown more often: of a class that is in a smaller share of the images than this,
    sqrt(repeat_factor / share) times per epoch; 0: each image once. LVIS has 0.001."""
    max_boxes: int | None = pydantic.Field(None, ge=1)
    """Most boxes per image (N); null: enough for nearly every sample of the data, at most 500."""
    workers: int | None = pydantic.Field(None, ge=1)
    """Processes that make samples; null: one per CPU core, at most 16."""
    cache_gigabytes: float | None = pydantic.Field(None, ge=0)
    """Memory for decoded images; null: a quarter of the free memory, at most 2."""

    def worker_count(self) -> int:
        """Return the number of workers; 1 works without a process."""
        return self.workers or min(cores(), MOST_WORKERS)
