"""The settings of a training run, as frozen typed groups; written to `config.json` of the run folder.

The defaults suit hundreds to a few thousand images, with or without pretrained weights. `recipe: paper` replaces them
by the settings with which the authors of the model reached its published AP.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from detect.config import Settings
from detect.data.batches.pipeline_settings import PipelineSettings
from detect.data.pixels.tiles import LEAST_TILE, MOST_OVERLAP, Tiling
from detect.data.tolerance import MAX_LOST
from detect.models.card import MOST_SIDE
from detect.models.licences import Policy


class OptimizerSettings(Settings):
    """The rule by which gradients update the weights."""

    name: Literal["sgd", "adamw"] = "adamw"
    """Update rule: SGD with Nesterov momentum, or AdamW."""
    learning_rate: float = Field(1e-3, gt=0)
    """Full learning rate for `reference_batch` images per step; scaled with the actual number of images per step: in
    proportion for sgd, by the square root for adamw."""
    reference_batch: int = Field(16, gt=0)
    """Images per step that `learning_rate` is given for."""
    backbone_factor: float = Field(1.0, gt=0)
    """Learning rate of the backbone, as a share of that of the other layers. Backbones with published weights of
    transformer detectors are trained more slowly."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of sgd, beta_1 of adamw."""
    beta_2: float = Field(0.999, gt=0, lt=1)
    """Decay of the second moment of adamw."""
    weight_decay: float = Field(0.05, ge=0)
    """Weight decay, of kernels only: part of the gradient for sgd, decoupled for adamw."""
    clip_norm: float | None = Field(10.0, gt=0)
    """Largest norm of the gradient of the whole batch, all replicas together; null: no clipping."""


class ScheduleSettings(Settings):
    """The learning rate over a run: a warm-up, a cosine, a constant end. Shares are of the whole run."""

    warmup: float = Field(0.03, ge=0, lt=1)
    """Share of the run in which the learning rate rises to its full value."""
    warmup_power: float = Field(1.0, gt=0)
    """Shape of the warm-up: 1 is linear, 2 quadratic."""
    final: float = Field(0.02, ge=0, le=1)
    """Last learning rate, as a share of the full one."""
    hold: float = Field(0.0, ge=0, lt=1)
    """Share of the run, at its end, that is trained at the last learning rate."""
    closing: float = Field(0.15, ge=0, le=1)
    """Share of the run, at its end, that is the closing phase: only flips and colour changes, no mosaic or mix-up."""


class AverageSettings(Settings):
    """The exponential moving average of all weights; the averaged weights are scored and saved."""

    decay: float = Field(0.9998, ge=0, lt=1)
    """Decay per step; at most (1 + step) / (10 + step), so that a short run is averaged over its last part too."""
    restart: bool = False
    """Whether the average begins anew with the closing phase, and forgets what was learned from mixed images."""


class TeacherSettings(Settings):
    """The use of a trained model as a teacher, which annotates images for a run."""

    precision: float = Field(0.7, gt=0, le=1)
    """Precision, on validation images, of the detections of a class that become annotations."""
    recall: float = Field(0.95, ge=0, le=1)
    """Share of the objects that the teacher finds, per class in validation images, which have the scores of doubtful
    detections or higher ones. Doubtful detections become ignored regions."""
    budget: float = Field(0.02, ge=0, le=1)
    """AP that a kept class may lose; the report marks those that lose more."""


ENOUGH_FOR_STATISTICS = 16  # images on a device; with fewer, batch normalisation suffers (arXiv 1803.08494, figure 1)
MOST_VALIDATIONS = 30  # where the settings give no number


class TrainingSettings(Settings):
    """One training run."""

    data: str
    """Dataset: a YAML or JSON file, or the folder of a dataset."""
    model: str = "auto"
    """Name of the model; `detect models` lists them, and one of your own is `path/to/file.py:Class`. auto: the model
    that `weights` are of, or one that suits the machine and the time."""
    architecture: dict[str, Any] = {}
    """Settings of the model that differ from its defaults."""
    name: str | None = None
    """Name of the run folder; null: the name of the model, with a number if it is taken."""
    runs: str = "runs"
    """Folder that run folders are created in."""
    folds: int | None = Field(None, ge=2)
    """Cross-validation: folds that the images to train on and to validate on are divided into, by the seed; null: the
    splits of the dataset."""
    fold: int | None = Field(None, ge=1)
    """The fold that is validated on, 1 or more; null: each of `folds` in turn, by a run of its own."""
    group_by: str = ""
    """Rule that keeps images in one fold by their names: video, folder, or a regular expression whose first group is
    the same for them; empty: none. Images that show nearly the same are kept together in any case."""
    recipe: Literal["default", "paper"] = "default"
    """Defaults of the other settings: those listed here, or the settings of the model's authors."""

    image_size: int | None = Field(None, gt=0, le=MOST_SIDE)
    """Side of the square images, pixels; null: the model's own."""
    sizes: tuple[Annotated[int, Field(gt=0, le=MOST_SIDE)], ...] = ()
    """Multi-scale training: sides to draw from, one for every ten steps; empty: `image_size` only."""
    tile: Annotated[int, Field(ge=LEAST_TILE)] | None = None
    """Side of the tiles that images are cut into, pixels of the image; null: whole images. A box of which a tile shows
    less than half is an ignored region there. The trained model detects by such tiles too, unless it is told otherwise,
    and its scores are those of whole images."""
    tile_overlap: float = Field(0.2, ge=0, le=MOST_OVERLAP)
    """Least share of its side that a tile has in common with the next one."""
    batch_size: Annotated[int, Field(gt=0)] | Literal["auto"] = 16
    """Images per device and forward pass; auto: 16 on a CPU, and on a GPU as many as suit the dataset, up to 64. Where
    they do not fit into memory, batches are divided into parts that do."""
    accumulate: int = Field(1, gt=0)
    """Forward passes per update; their gradients are averaged."""
    devices: int | None = Field(None, gt=0)
    """Devices that `batch_size` and `accumulate` are for. Where there are others, as when a run is resumed on another
    number of machines, they share the same images. null: those that there are when the run begins."""
    epochs: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Passes over the training images; null: 100, or more where there are few; with `max_time`, as many as it
    allows."""
    max_time: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time limit of the whole run with its evaluation, seconds; replaces `epochs`."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all random choices: initial weights, order of the images, augmentation, sampling."""

    weights: str = "auto"
    """Initial weights: auto, imagenet, none, a run or model folder, a published checkpoint or its file."""
    keep_classes: bool = False
    """Whether the model keeps the classes of `weights`, the folder of a trained model, and gets those of the dataset
    that it does not have. It annotates its own classes in the images in which they were not looked for."""
    data_licence: str = ""
    """Licence of the dataset, such as CC-BY-4.0; own: it is yours; empty: unknown. For the card of the model."""
    licence_policy: Policy = "any"
    """Licences that dataset and initial weights may have: any, or permissive ones only."""
    class_weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | Literal["balanced"] = {}
    """Factors of the classification loss of true boxes, by the name of their class, such as {truck: 3}; others have 1.
    balanced: higher ones for classes with fewer boxes."""
    freeze: tuple[str, ...] = ()
    """Layers that are not trained, by their paths in the model, such as `backbone.stem`."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the computation; weights are float32 either way."""
    quantize: Literal["int8"] | None = None
    """int8: trains with the rounding of an export in int8, for a few epochs from the `weights` of a trained model."""
    strategy: Literal["auto", "one", "mirrored", "workers"] = "auto"
    """Devices: one; all GPUs of this machine (mirrored); several machines, named by TF_CONFIG (workers); or all that
    there are (auto)."""

    synchronized_normalization: bool | None = None
    """Whether batch normalisation on several devices takes its statistics over the images of all of them, as one device
    with all images would; null: where a device has fewer than 16 images in a forward pass."""

    validations: int | None = Field(None, ge=1)
    """Number of validations, evenly spread over the run; null: 30, but at most one per epoch."""
    checkpoint_seconds: float = Field(600.0, ge=0)
    """Longest time between two checkpoints, seconds; every validation writes one too."""
    loggers: tuple[str, ...] = ()
    """Services that get the numbers of the run, beside TensorBoard: comet, mlflow, wandb (Weights & Biases). Where one
    fails later on, training goes on without it."""
    patience: int | None = Field(None, gt=0)
    """Number of validations without a better AP after which the run stops; null: never."""
    max_lost: float = Field(MAX_LOST, ge=0, le=1)
    """Largest share of the images, or of the boxes, that may be unusable."""
    allow_changed_data: bool = False
    """Whether a run is continued although its classes, images or boxes are not those that it began with."""

    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    average: AverageSettings = AverageSettings()
    teacher: TeacherSettings = TeacherSettings()
    pipeline: PipelineSettings = PipelineSettings()

    @property
    def is_several_runs(self) -> bool:
        """Whether they are those of a run for each fold."""
        return self.folds is not None and self.fold is None

    @property
    def tiling(self) -> Tiling | None:
        """The tiles that images are cut into, if they are."""
        return None if self.tile is None else Tiling(tile=self.tile, tile_overlap=self.tile_overlap)

    @property
    def validation_count(self) -> int:
        """Number of validations of the run."""
        if self.validations is not None:
            return self.validations
        return MOST_VALIDATIONS if self.epochs is None else min(MOST_VALIDATIONS, max(1, int(self.epochs)))

    @property
    def side(self) -> int:
        """Side of the images in validation, pixels."""
        if self.image_size is None:
            raise ValueError("settings without image_size: settle them first, see training.start.resolution")
        return self.image_size

    @property
    def images_per_batch(self) -> int:
        """Images per device and forward pass, as far as memory allows."""
        if self.batch_size == "auto":
            raise ValueError("settings without batch_size: settle them first, see training.start.resolution")
        return self.batch_size

    @property
    def is_synchronized(self) -> bool:
        """Whether batch normalisation takes the statistics of all devices, where there are several."""
        if self.synchronized_normalization is not None:
            return self.synchronized_normalization
        return self.images_per_batch < ENOUGH_FOR_STATISTICS

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the images in training, pixels."""
        return self.sizes or (self.side,)
