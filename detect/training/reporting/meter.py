"""Rates and averages between two reports of a run."""

import time


class Meter:
    """Sums up images, waiting times and losses since the last reset."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.started = time.monotonic()
        self.waited = 0.0  # seconds spent waiting for data
        self.images = 0
        self.steps = 0
        self.sums: dict[str, float] = {}

    def add(self, images: int, waited: float, losses: dict[str, float]) -> None:
        """Add one step: its images, the seconds spent waiting for them, and its losses by name."""
        self.images += images
        self.waited += waited
        self.steps += 1
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss

    def values(self) -> dict[str, float]:
        """Return mean losses by name, their sum `loss`, `images_per_second`, and `data_wait`, the share of waiting."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        means = {name: total / max(self.steps, 1) for name, total in self.sums.items()}
        rates = {"images_per_second": self.images / seconds, "data_wait": self.waited / seconds}
        return {"loss": sum(means.values()), **means, **rates}
