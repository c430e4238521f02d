"""`detect.train`: trains a model on a dataset and leaves a run folder with the trained detector."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.config import from_json, to_json
from detect.data.dataset import Dataset, split
from detect.data.readers.description import open_dataset
from detect.data.samples.training_tiles import cut
from detect.evaluation.coco_scores import Scores
from detect.models.detector import Detector
from detect.reports.run_report import write_run_report
from detect.training.assembly import assemble
from detect.training.callbacks import Callbacks, StopTraining, TrainingCallback
from detect.training.loop import Loop, is_finished
from detect.training.loop import train as run_loop
from detect.training.reporting.display import Display, create_display
from detect.training.reporting.ending import Ending
from detect.training.reporting.journal import closed_after
from detect.training.run_folder import (
    RunFolder,
    continued,
    decided,
    new_folder,
    require_place,
    resumed_folder,
    with_own,
    write_start,
)
from detect.training.settings import TrainingSettings
from detect.training.several_runs import with_fold
from detect.training.start.data_state import DataState, require_same_data, state_of
from detect.training.start.initial_weights import Source
from detect.training.start.preparation import create_detector, find_weights, prepare_data, show_data, start_detector
from detect.training.start.resolution import given_options, resolve_settings
from detect.training.start.shared_batch import describe_sharing, shared_by
from detect.training.teachers.kept_classes import with_kept_classes
from detect.training.teachers.teacher import Lesson, ask_teacher, describe, learn_from, read_lesson
from detect.training.updates.batch_stream import samples_per_epoch
from detect.training.workers.agreement import require_same, start_facts
from detect.training.workers.distribution import create_strategy
from detect.training.workers.exchange import Workers
from detect.training.workers.lost_workers import lost_workers_named


@dataclass(frozen=True)
class TrainedRun:
    """The result of a training run.

    Attributes:
        folder: the run folder.
        scores: of the best model on the validation split; None if a resumed run found no better one.
        ending: what the run did, for messages at its end.
    """

    folder: Path
    scores: Scores | None
    ending: Ending


def train(
    data: str | Path,
    model: str = "auto",
    *,
    epochs: float | None = None,
    max_time: str | float | None = None,
    image_size: int | None = None,
    batch_size: int | str | None = None,
    weights: str | Path | None = None,
    name: str | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainingCallback] = (),
    **settings: Any,
) -> TrainedRun:
    """Train a detector, as `detect train` does.

    Args:
        data: a dataset that `open_dataset` reads.
        model: name of a model, see `detect.models.names`, or of a class in a file, `mine.py:Mine`; `auto` is that of
            `weights`, or one that suits the machine and the time.
        epochs: passes over the training images.
        max_time: time limit for the whole call, evaluation included: seconds, or text such as `30m`; instead of
            `epochs`.
        image_size: side of the square images, pixels.
        batch_size: images per step and device, or `auto`.
        weights: `auto`, `imagenet`, `none`, a run or model folder, the name of a published checkpoint, or the file of
            a checkpoint or a backbone.
        name: name of the run folder.
        resume: whether to continue the run of that name after an interruption.
        callbacks: hear of the start, the steps, the validations and the end of the run, see `TrainingCallback`.
        settings: further settings, see `detect.training.settings`, as in `seed=3`; of a group those that change, as in
            `optimizer={"learning_rate": 0.01}`.

    Returns:
        The run folder and the scores of its best model.

    Raises:
        BadInput: an argument, a setting or the data cannot be used.
        RunFailure: the training failed.
    """
    options = given_options(
        data=data,
        model=model,
        epochs=epochs,
        max_time=max_time,
        image_size=image_size,
        batch_size=batch_size,
        weights=weights,
        name=name,
        **settings,
    )
    return run(resolve_settings(options, [], spelled=str), resume, callbacks=callbacks)


def run(
    settings: TrainingSettings,
    resume: bool = False,
    dataset: Dataset | None = None,
    callbacks: Sequence[TrainingCallback] = (),
    started: float | None = None,
) -> TrainedRun:
    """Train in a new run folder or in that of the run that was interrupted.

    Args:
        settings: of the run.
        resume: whether to continue the run.
        dataset: the one in the settings, where it has been opened already.
        callbacks: see `train`.
        started: reading of the monotonic clock from which a time limit counts, seconds; by default now.
    """
    started = time.monotonic() if started is None else started
    strategy = create_strategy(settings.strategy)
    workers = Workers(strategy)
    chief = workers.is_chief
    heard = Callbacks(callbacks if chief else ())
    with contextlib.closing(create_display(chief)) as display, lost_workers_named(workers.cluster):
        data = workers.together(lambda: open_data(settings, dataset, chief, display))
        require_same(workers, start_facts(settings, data))
        devices = strategy.num_replicas_in_sync
        decision = decision_of_chief(workers, settings, lambda: decide(settings, resume, data, devices, display))
        settings, begun, lesson = shared_by(decision.settings, devices), decision.begun, None
        if settings != decision.settings:
            display.say(describe_sharing(settings))
        if settings.keep_classes:
            data, lesson = teach(settings, data, begun, display)
        show_data(settings, data, display)
        with strategy.scope():
            detector = create_detector(settings, len(data.classes))
        # Outside of the scope: it may make a second detector, and variables of the scope would wait for other workers.
        folder = folder_of_chief(workers, lambda: begun or start(decision, detector, data, lesson, display))
        with strategy.scope():
            loop = assemble(settings, data, detector, folder, workers, display, started, heard)
            with closed_after(loop.journal):
                if is_finished(loop):
                    display.say(describe_end(settings, folder))
                else:
                    heard.call("on_start", folder.path, settings)
                    with contextlib.suppress(StopTraining):
                        run_loop(loop)
        if overflow := loop.stream.overflow():
            display.say(overflow)
    if chief:
        if loop.scores:
            loop.scores.save(folder.evaluation)
        write_run_report(folder.path, loop.scores, split(data, "val"))
    trained = TrainedRun(folder.path, loop.scores, ending_of(loop, folder.path))
    heard.call("on_end", trained)
    return trained


def open_data(settings: TrainingSettings, dataset: Dataset | None, chief: bool, display: Display) -> Dataset:
    """Return the dataset of a run, and check where the chief will write.

    Args:
        settings: of the run.
        dataset: the one in the settings, where it has been opened already.
        chief: whether this process writes files.
        display: where to show the problems of the annotations.

    Raises:
        DetectError: the data cannot be used, or the folder of the run cannot be written.
    """
    if chief:
        require_place(settings)
    return prepare_data(with_fold(settings, dataset or open_dataset(settings.data)), settings.max_lost, display)


@dataclass(frozen=True)
class Decision:
    """The decisions before a run begins or goes on; where several workers train, the chief makes them.

    Attributes:
        settings: with all that the given ones leave open.
        earlier: folder of the run that goes on; on the chief only.
        source: the trained detector to start from, if any; on the chief only.
        state: of the data of a run that begins; on the chief only.
    """

    settings: TrainingSettings
    earlier: RunFolder | None = None
    source: Source | None = None
    state: DataState | None = None

    @property
    def begun(self) -> RunFolder | None:
        """The folder of the run that goes on, if it has a checkpoint."""
        return self.earlier if self.earlier and self.earlier.has_checkpoint() else None


def decide(settings: TrainingSettings, resume: bool, dataset: Dataset, devices: int, display: Display) -> Decision:
    """Return whether a run goes on, the settings that nobody gave, and the weights to start from.

    Args:
        settings: as given.
        resume: whether to continue a run.
        dataset: that it trains on.
        devices: number of those that there are.
        display: where to say it.
    """
    earlier = resumed_folder(settings) if resume else None
    if resume and earlier is None:
        wanted = f"run {settings.name}" if settings.name else "earlier run of the model"
        display.say(f"There is no {wanted} in {settings.runs} to continue: a new one begins.")
    state = state_of(dataset)
    if earlier and earlier.has_checkpoint():
        require_same_data(earlier, state, settings.allow_changed_data, display.say)
        return Decision(continued(earlier, settings), earlier)
    given = decided(earlier.settings(), settings) if earlier else settings
    images = split(dataset, "train")
    samples = samples_per_epoch(given, cut(images, given.tiling).records) if given.tiling else len(images)
    found, source = find_weights(given, samples, display)
    return Decision(found.model_copy(update={"devices": found.devices or devices}), earlier, source, state)


def decision_of_chief(workers: Workers, settings: TrainingSettings, make: Callable[[], Decision]) -> Decision:
    """Return what `make` decides on the chief, on other workers with the paths and the memory in their own `settings`.

    Args:
        workers: that train.
        settings: as given to this worker.
        make: called on the chief.
    """
    decision = workers.together(lambda: make() if workers.is_chief else None)
    text = workers.text_of_chief(lambda: to_json(decision.settings) if decision else "")
    return decision or Decision(with_own(from_json(TrainingSettings, text, "the settings of the chief"), settings))


def folder_of_chief(workers: Workers, make: Callable[[], RunFolder]) -> RunFolder:
    """Return the folder of the run that `make` returns on the chief; other workers know its path only."""
    return RunFolder(Path(workers.text_of_chief(lambda: str(make().path))))


def start(
    decision: Decision, detector: Detector, dataset: Dataset, lesson: Lesson | None, display: Display
) -> RunFolder:
    """Give the detector of a run its initial weights, and return the folder of the run, with what is known of it.

    Args:
        decision: about the run.
        detector: with random weights.
        dataset: that it is trained on.
        lesson: of the teacher, if there is one.
        display: where to show what the weights are.
    """
    settings = decision.settings
    licences = start_detector(settings, detector, dataset, decision.source, display)
    folder = decision.earlier or new_folder(settings)
    write_start(folder, settings, dataset.classes, licences)
    if decision.state:
        decision.state.save(folder)
    if lesson:
        lesson.save(folder)
    return folder


def ending_of(loop: Loop, folder: Path) -> Ending:
    """Return what a run did that has come to its end."""
    position = loop.position
    return Ending(
        folder=folder,
        data=loop.settings.data,
        model=loop.settings.model,
        seconds=position.seconds,
        updates=position.step,
        epochs=loop.epoch,
        best=loop.scores.AP if loop.scores else position.best,
        best_epoch=position.best_step / loop.stream.steps_per_epoch,
    )


def teach(
    settings: TrainingSettings, dataset: Dataset, begun: RunFolder | None, display: Display
) -> tuple[Dataset, Lesson]:
    """Return the dataset with the classes of the model in `weights` and what it finds, and the latter alone.

    Args:
        settings: of the run.
        dataset: as it was given.
        begun: the folder of the run if it goes on after an interruption: what the model found is read from it.
        display: where to show what was added.
    """
    whole, said = with_kept_classes(settings, dataset)
    for line in said:
        display.say(line)
    lesson = read_lesson(begun) if begun else ask_teacher(settings.weights, whole, settings.teacher, display)
    for line in describe(lesson, len(split(whole, "train"))):
        display.say(line)
    return learn_from(whole, lesson), lesson


def describe_end(settings: TrainingSettings, folder: RunFolder) -> str:
    """Return the message for a run that is resumed and has come to its end."""
    more = f"detect train --data {settings.data} --model {settings.model} --weights {folder.path} --name NEW_NAME"
    return f"{folder.path} is finished: nothing was trained. To train its model further, start another run: {more}"
