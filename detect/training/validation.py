"""Scoring and saving a model in the middle of its training, with the averaged weights."""

import math
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from detect.data.records import Records
from detect.evaluation.coco_scores import METRICS, Scores
from detect.evaluation.evaluation_run import score_batches
from detect.inference.predictor import Model
from detect.models import saving
from detect.models.detector import Detector
from detect.structures import Detections
from detect.training.average import WeightAverage
from detect.training.checkpoints import Position, save_checkpoint
from detect.training.display import Display
from detect.training.journal import Journal
from detect.training.run_folder import RunFolder
from detect.training.schedule import StepBudget, TimeBudget
from detect.training.settings import TrainingSettings
from detect.training.training_pictures import save_predictions

SECONDS_FOR_THE_END = 8.0  # report and leaving, beside the last validation


@dataclass
class Validation:
    """Called by the loop with a position: scores the model, keeps the best and the last, writes the checkpoint."""

    detector: Detector
    model: Model  # the same, for predictions
    average: WeightAverage
    variables: list[tf.Variable]
    records: Records
    settings: TrainingSettings
    folder: RunFolder
    journal: Journal
    display: Display
    budget: StepBudget | TimeBudget
    steps_per_epoch: float
    chief: bool
    scores: Scores | None = None  # of the best model so far

    def __call__(self, position: Position) -> bool:
        """Whether to stop early."""
        started = time.monotonic()
        position.validations = math.floor(position.progress * self.settings.validation_count + 1e-9)
        if self.chief:
            with self.average.applied():
                self._score_and_save(position)
            self.save(position)
        if isinstance(self.budget, TimeBudget):
            self.budget.pause = time.monotonic() - started
            self.budget.reserve = 1.3 * self.budget.pause + SECONDS_FOR_THE_END
        return self.settings.patience is not None and position.stale >= self.settings.patience

    def detect(self, images: tf.Tensor, extents: np.ndarray) -> Detections:
        """Everything that the model finds, down to the low confidence that scoring wants."""
        return self.model.detect(images, self.model.backend.confidence, extents=extents)

    def save(self, position: Position) -> None:
        """Write the checkpoint to resume from."""
        if self.chief:
            position.saved_step, position.saved_seconds = position.step, position.seconds
            save_checkpoint(self.folder.checkpoint, position, self.variables)

    def _score_and_save(self, position: Position) -> None:
        card = self.model.card
        scores = score_batches(
            self.detect, self.records, self.model.placement, card.classes, card.category_ids, self.settings.batch_size
        )
        better = np.nan_to_num(scores.AP) > position.best
        position.stale = 0 if better else position.stale + 1
        metrics = {name: getattr(scores, name) for name in METRICS if math.isfinite(getattr(scores, name))}
        card = card.model_copy(update={"metrics": metrics})
        saving.save(self.detector, card, self.folder.last)
        if better:
            position.best, position.best_step, self.scores = float(np.nan_to_num(scores.AP)), position.step, scores
            saving.save(self.detector, card, self.folder.best)
            scores.save(self.folder.evaluation)
            save_predictions(self.folder.validation_picture, self.detect, self.records, card.classes, card.image_size)
        epoch = position.step / self.steps_per_epoch
        self.journal.write("val", position.step, epoch, metrics)
        self.display.say(
            f"epoch {epoch:.1f}  AP {scores.AP:.3f}  AP50 {scores.AP50:.3f}  AP75 {scores.AP75:.3f}"
            + ("  best so far" if better else "")
        )
