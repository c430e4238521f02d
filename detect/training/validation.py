"""Scoring and saving a model in the course of its training, with the averaged weights."""

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages
from detect.evaluation.coco_scores import METRICS, Scores
from detect.evaluation.evaluation_run import score_batches
from detect.evaluation.intervals import ADVICE
from detect.inference.predictor import Model
from detect.models import saving
from detect.models.detector import Detector
from detect.training.reporting.training_pictures import save_predictions
from detect.training.run_folder import RunFolder
from detect.training.updates.average import WeightAverage


@dataclass(frozen=True)
class Validation:
    """The result of a validation."""

    scores: Scores
    best: bool  # whether AP is higher than in every validation before, or is not defined

    @property
    def average_precision(self) -> float:
        """AP, 0..1; 0 where it is not defined because the validation split has no boxes."""
        return float(np.nan_to_num(self.scores.AP))

    @property
    def metrics(self) -> dict[str, float]:
        """The scores that are defined, by name."""
        values = {name: getattr(self.scores, name) for name in METRICS}
        return {name: value for name, value in values.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Validator:
    """Scores the averaged model on the validation split and writes it to the run folder."""

    detector: Detector
    model: Model  # the same detector, ready to predict
    average: WeightAverage
    records: Records
    batch_size: Callable[[], int]  # images at a time, as far as memory has turned out to allow
    folder: RunFolder
    note: Callable[[UnreadableImages], None]  # is told, after each scoring, which images are left out
    check: Callable[[], None] = lambda: None  # is called after each batch, and may end the validation by an exception
    advice: str = ADVICE  # as of `score`

    @functools.cached_property
    def unreadable(self) -> UnreadableImages:
        """Images that are left out because they cannot be read, so far."""
        return UnreadableImages(len(self.records))

    def validate(self, best: float) -> Validation:
        """Score the model and save it as the last one, and also as the best one unless its AP is `best` at most."""
        with self.average.applied():
            scores = self._score()
            validation = Validation(scores, best=math.isnan(scores.AP) or best < scores.AP)
            self._save(validation)
        return validation

    def _score(self) -> Scores:
        card = self.model.card
        scores = score_batches(
            self.model.detect_to_score,
            self.records,
            self.model.placement,
            card.classes,
            card.category_ids,
            self.batch_size(),
            progress=lambda done, total: self.check(),
            unreadable=self.unreadable,
            advice=self.advice,
        )
        self.note(self.unreadable)
        return scores

    def _save(self, validation: Validation) -> None:
        card = self.model.card.model_copy(update={"metrics": validation.metrics})
        saving.save(self.detector, card, self.folder.last)
        if validation.best:
            saving.save(self.detector, card, self.folder.best)
            # Intervals take a tenth of a second, and are added to those scores that turn out to be the last ones.
            dataclasses.replace(validation.scores, find_intervals=None).save(self.folder.evaluation)
            picture, records = self.folder.validation_picture, self.unreadable.readable(self.records)
            save_predictions(picture, self.model.detect_to_score, records, card.classes, card.image_size)
