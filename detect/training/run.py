"""`detect.train`: from a dataset and the name of a model to a run folder with a trained detector."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from detect import models
from detect.config import build, override
from detect.data.dataset import Dataset, check_losses, split, with_validation
from detect.data.description import open_dataset
from detect.errors import BadInput, RunFailure
from detect.evaluation.coco import Scores
from detect.inference.predictor import Model
from detect.models.detector import Detector
from detect.models.saving import ModelCard
from detect.training.average import WeightAverage
from detect.training.checkpoints import Position, load_checkpoint
from detect.training.display import Display, create_display
from detect.training.distribution import create_strategy, is_chief
from detect.training.folder import RunFolder, new_folder, resumed_folder, write_start
from detect.training.initial_weights import start_from
from detect.training.journal import Journal, forget_after
from detect.training.loop import Loop
from detect.training.loop import train as run_loop
from detect.training.optimizers import Optimizer
from detect.training.schedule import StepBudget, TimeBudget
from detect.training.settings import TrainingSettings
from detect.training.step import TrainingStep
from detect.training.stream import Stream
from detect.training.validation import Validation

DEFAULT_EPOCHS = 100.0


@dataclass(frozen=True)
class TrainedRun:
    """What a run came to."""

    folder: Path
    scores: Scores  # of the best model, on the validation split


def train(
    data: str | Path,
    model: str = "yolox-micro",
    *,
    epochs: float | None = None,
    max_time: str | float | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    weights: str | None = None,
    name: str | None = None,
    resume: bool = False,
    set: Iterable[str] = (),
) -> TrainedRun:
    """Train a detector; the words are those of `detect train`.

    Args:
        data: anything that `open_dataset` reads.
        model: a name of `detect.models.names()`.
        epochs: passes over the training images.
        max_time: seconds, or text such as `30m`, for everything from here to the scores; instead of `epochs`.
        image_size: side of the square images, pixels.
        batch_size: images a step and device.
        weights: `auto`, `imagenet`, `none`, a run or model folder, or a file of backbone weights.
        name: of the run folder.
        resume: continue the run of that name after an interruption.
        set: further settings as `key=value`, see `detect.training.settings`.

    Raises:
        BadInput: something given cannot be used.
        RunFailure: the training failed.
    """
    options = {
        "data": str(data),
        "model": model,
        "epochs": epochs,
        "max_time": seconds(max_time) if isinstance(max_time, str) else max_time,
        "image_size": image_size,
        "batch_size": batch_size,
        "weights": weights,
        "name": name,
    }
    settings = resolve_settings({key: value for key, value in options.items() if value is not None}, list(set))
    return run(settings, resume)


def seconds(text: str) -> float:
    """`90s`, `30m`, `1.5h` or a plain number of seconds.

    Raises:
        BadInput: the text is none of these.
    """
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:].lower())
    try:
        value = float(text[:-1] if unit else text) * (unit or 1)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise BadInput(f"max-time: expected a time such as 90s, 30m or 1.5h, got {text!r}.")
    return value


def resolve_settings(options: dict[str, Any], assignments: list[str]) -> TrainingSettings:
    """Settings from the defaults, then the paper's recipe where asked for, then the options, then `--set`."""
    settings = override(build(TrainingSettings, options, "train"), assignments)
    row = models.variant(settings.model)
    if settings.recipe == "paper":
        recipe = [f"{key}={value!r}" for key, value in row.recipe.items() if key not in options]
        settings = override(build(TrainingSettings, options, "train"), [*recipe, *assignments])
    if settings.epochs is not None and settings.max_time is not None:
        raise BadInput("Give epochs or max-time, not both: each decides the length of the schedule.")
    defaults: dict[str, Any] = {"image_size": settings.image_size or row.image_size}
    if settings.epochs is None and settings.max_time is None:
        defaults["epochs"] = DEFAULT_EPOCHS
    return settings.model_copy(update=defaults)


def run(settings: TrainingSettings, resume: bool = False) -> TrainedRun:
    """Train as `settings` say, in a new run folder or, with `resume`, in the one that was interrupted."""
    budget = None if settings.max_time is None else TimeBudget(settings.max_time)  # the clock starts here
    strategy = create_strategy(settings.strategy)
    chief = is_chief(strategy)
    display = create_display(chief)
    try:
        dataset = prepare_data(settings, display)
        folder = prepare_folder(settings, dataset, resume, chief)
        with strategy.scope():
            return run_in_scope(settings, dataset, folder, strategy, budget, display)
    finally:
        display.close()


def prepare_data(settings: TrainingSettings, display: Display) -> Dataset:
    """The dataset, with a validation split and few enough losses to train on; says what was read."""
    dataset = with_validation(open_dataset(settings.data), settings.validation_share, settings.seed)
    for name in ("train", "val"):
        check_losses(dataset, name, settings.max_lost)
    for note in dataset.notes:
        display.say(note)
    for name, problems in dataset.problems.items():
        for line in problems.summary():
            display.say(f"{name}: {line}")
    train_size, val_size = len(split(dataset, "train")), len(split(dataset, "val"))
    display.say(f"Data: {train_size} images to train on, {val_size} to validate, {len(dataset.classes)} classes.")
    return dataset


def prepare_folder(settings: TrainingSettings, dataset: Dataset, resume: bool, chief: bool) -> RunFolder:
    """The run's folder, with its settings and classes in it."""
    folder = resumed_folder(settings) if resume else None
    if folder is not None or not chief:
        return folder or RunFolder(Path(settings.runs) / (settings.name or settings.model))
    folder = new_folder(settings)
    write_start(folder, settings, dataset.classes)
    return folder


def create_detector(settings: TrainingSettings, classes: int) -> tuple[Detector, str]:
    """The model with its first weights, and a line that says where they come from."""
    keras.utils.set_random_seed(settings.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if settings.precision == "bfloat16" else "float32")
    try:
        detector = models.create(settings.model, classes, **settings.architecture)
    finally:
        keras.config.set_dtype_policy(policy)
    said = start_from(detector, settings.weights)
    for path in settings.freeze:
        layer_at(detector, path).trainable = False
    return detector, said


def layer_at(detector: Detector, path: str) -> keras.layers.Layer:
    """The layer at a dotted path of attributes, such as `backbone.stage1`.

    Raises:
        BadInput: there is no such layer.
    """
    layer: Any = detector
    for part in path.split("."):
        inner = getattr(layer, part, None)
        if not isinstance(inner, keras.layers.Layer):
            known = [name for name, value in vars(layer).items() if isinstance(value, keras.layers.Layer)]
            raise BadInput(f"freeze: no layer {path!r}; {type(layer).__name__} has {', '.join(known) or 'none'}.")
        layer = inner
    return layer


def run_in_scope(
    settings: TrainingSettings,
    dataset: Dataset,
    folder: RunFolder,
    strategy: tf.distribute.Strategy,
    budget: TimeBudget | None,
    display: Display,
) -> TrainedRun:
    """Put the loop together and run it; within the scope of `strategy`."""
    records = split(dataset, "train")
    detector, said = create_detector(settings, len(dataset.classes))
    display.say(said)
    optimizer = Optimizer(settings.optimizer, [variable.value for variable in detector.trainable_variables])
    average = WeightAverage(detector)
    variables = [*(variable.value for variable in detector.variables), *optimizer.state, average.average]
    position = Position()
    if folder.checkpoint.exists():
        position = load_checkpoint(folder.checkpoint, variables)
        display.say(f"Resuming {folder.path} at step {position.step}.")
    sizes = settings.sizes or (settings.image_size,)
    journal = open_journal(folder, position)
    images_per_step = settings.batch_size * settings.accumulate * strategy.num_replicas_in_sync
    if budget is None:
        budget = StepBudget(max(1, round(settings.epochs * len(records) / images_per_step)))
    else:
        budget.spent = position.seconds
    card = ModelCard(
        model=settings.model,
        config=detector.config.model_dump(),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
        image_size=settings.image_size,
    )
    validation = Validation(
        model=Model(detector, card),
        average=average,
        variables=variables,
        records=split(dataset, "val"),
        settings=settings,
        folder=folder,
        journal=journal,
        display=display,
        budget=budget,
        epoch_of=lambda step: step * images_per_step / len(records),
        chief=is_chief(strategy),
    )
    loop = Loop(
        settings=settings,
        strategy=strategy,
        stream=Stream(settings, records, sizes),
        step=TrainingStep(detector, optimizer, average, sizes),
        budget=budget,
        position=position,
        validate=validation,
        save=validation.save,
        journal=journal,
        display=display,
    )
    try:
        run_loop(loop)
    finally:
        journal.close()
    return TrainedRun(folder.path, validation.scores)


def open_journal(folder: RunFolder, position: Position) -> Journal:
    """The journal, without the rows that a resumed run will write again."""
    forget_after(folder.metrics, position.step)
    return Journal(folder.path)
