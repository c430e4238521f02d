"""Scoring and saving a model in the course of its training, with the averaged weights."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages
from detect.evaluation.coco_scores import METRICS, Scores, score
from detect.evaluation.detections import Found, joined
from detect.evaluation.evaluation_run import find
from detect.evaluation.intervals import ADVICE
from detect.evaluation.truth import truth_from_records
from detect.inference.predictor import Model
from detect.models import saving
from detect.models.detector import Detector
from detect.training.reporting.training_pictures import save_predictions
from detect.training.run_folder import RunFolder
from detect.training.updates.average import WeightAverage
from detect.training.workers.exchange import Workers


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
    workers: Workers  # that share the images
    check: Callable[[], None] = lambda: None  # is called after each batch, and may end the validation by an exception
    advice: str = ADVICE  # as of `score`

    @functools.cached_property
    def unreadable(self) -> UnreadableImages:
        """Images that are left out because they cannot be read, so far."""
        return UnreadableImages(len(self.records))

    def validate(self, best: float) -> Validation | None:
        """Score the model and save it as the last one, and also as the best one unless its AP is `best` at most.

        Only the chief of several workers scores and saves; the others detect in their share of the images, and return
        None.
        """
        with self.average.applied():
            found = self.detect()
            if not self.workers.is_chief:
                return None
            scores = self._score(found)
            validation = Validation(scores, best=math.isnan(scores.AP) or best < scores.AP)
            self._save(validation)
        return validation

    def detect(self) -> Found:
        """Return the detections of all workers in all images that can be read, and note the others."""
        card, known = self.model.card, self.unreadable
        found = find(
            self.model.detect_to_score,
            replace(self.records, image_ids=np.arange(len(self.records))),
            self.model.views(),
            range(len(card.classes)),
            self.batch_size(),
            progress=lambda done, total: self.check(),
            unreadable=known,
            shard=(self.workers.index, self.workers.count),
        )
        own = _rows(joined(found))
        for position in np.concatenate(self.workers.gathered(known.indices()[:, None])).astype(int).flat:
            known.add(position)
        self.note(known)
        rows = np.concatenate(self.workers.gathered(own))
        return from_rows(rows, self.records.image_ids, np.asarray(card.category_ids))

    def _score(self, found: Found) -> Scores:
        card = self.model.card
        truth = truth_from_records(self.unreadable.readable(self.records), card.classes, card.category_ids)
        return score(truth, found, advice=self.advice)

    def _save(self, validation: Validation) -> None:
        card = self.model.card.model_copy(update={"metrics": validation.metrics})
        saving.save(self.detector, card, self.folder.last)
        if validation.best:
            saving.save(self.detector, card, self.folder.best)
            # Intervals take a tenth of a second, and are added to those scores that turn out to be the last ones.
            replace(validation.scores, find_intervals=None).save(self.folder.evaluation)
            picture, records = self.folder.validation_picture, self.unreadable.readable(self.records)
            save_predictions(picture, self.model, records)


def _rows(found: Found) -> np.ndarray:
    """Return detections as numbers, float64 [n, 7], exactly: image, category, box and score."""
    return np.column_stack([found.image_ids, found.category_ids, found.boxes, found.scores])


def from_rows(rows: np.ndarray, image_ids: np.ndarray, category_ids: np.ndarray) -> Found:
    """Return the detections of `_rows`, image by image, with the ids of images and categories for their numbers."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    images, categories = rows[:, :2].astype(int).T
    return Found(image_ids[images], category_ids[categories], rows[:, 2:6], rows[:, 6])
