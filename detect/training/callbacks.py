"""Calls that a user's program gets during a training run: `detect.train(..., callbacks=[...])`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import BadInput, RunFailure
from detect.evaluation.coco_scores import Scores
from detect.training.settings import TrainingSettings

if TYPE_CHECKING:
    from detect.training.training_run import TrainedRun


@dataclass(frozen=True)
class Progress:
    """The place that a run has reached.

    Attributes:
        step: updates made so far.
        epoch: passes over the training images so far.
        share: of the run that is done, 0..1.
    """

    step: int
    epoch: float
    share: float


class StopTraining(Exception):
    """Raised by `on_validation` of a callback to end the run there, as if its length were reached, on all machines."""


class TrainingCallback:
    """The base of callbacks: a subclass overrides what it wants to hear of; the methods here do nothing.

    Calls come from the thread that trains, which waits for them; with several machines, from the first one only. An
    error that a method raises ends the run, which can be resumed from its last checkpoint.
    """

    def on_start(self, folder: Path, settings: TrainingSettings) -> None:
        """Hear that training begins, or goes on after an interruption.

        Args:
            folder: of the run.
            settings: all of them.
        """

    def on_step(self, progress: Progress, losses: Mapping[str, float], learning_rate: float) -> None:
        """Hear of an update of the weights. The call comes while the next one is computed, so that nothing waits.

        Args:
            progress: after the update.
            losses: parts of the loss by name, whose sum is the loss.
            learning_rate: of the update.
        """

    def on_validation(self, progress: Progress, scores: Scores, best: bool) -> None:
        """Hear of a validation. May raise `StopTraining`.

        Args:
            progress: of the run.
            scores: on the validation split.
            best: whether the model is the best so far, and in the folder `best` of the run.
        """

    def on_end(self, run: "TrainedRun") -> None:
        """Hear that the run has come to its end, and get what `detect.train` returns."""


class Callbacks:
    """The callbacks of a run, called one after the other. BadInput where one is of another kind."""

    def __init__(self, callbacks: Sequence[TrainingCallback] = ()):
        self.callbacks = tuple(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, TrainingCallback):
                raise BadInput(
                    f"callbacks: expected objects of subclasses of detect.TrainingCallback, got {callback!r}. Those of "
                    "Keras are for `fit`."
                )

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of each callback.

        Raises:
            RunFailure: a callback raised an error, which is the cause of this one.
        """
        for callback in self.callbacks:
            _call(callback, method, *arguments)


def _call(callback: TrainingCallback, method: str, *arguments: Any) -> None:
    try:
        getattr(callback, method)(*arguments)
    except StopTraining:
        raise
    except Exception as error:  # a user's code may raise anything
        where, reason = f"{type(callback).__name__}.{method}", f"{type(error).__name__}: {error}"
        raise RunFailure(f"{where}, a callback that was given to the run, failed: {reason}") from error
