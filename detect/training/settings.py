"""Everything that decides a training run, as frozen typed groups; written to `config.json` of the run folder.

The defaults suit what most people bring: hundreds to a few thousand pictures and no pretrained weights.
`recipe: paper` replaces them by the settings behind the published number of the model.
"""

from typing import Any, Literal

from pydantic import Field

from detect.config import Settings
from detect.data.pipeline import PipelineSettings


class OptimizerSettings(Settings):
    """How gradients become updates."""

    name: Literal["sgd", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)  # at `reference_batch` images a step; scaled in proportion to the batch
    reference_batch: int = Field(16, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)  # sgd, Nesterov
    beta_2: float = Field(0.999, gt=0, lt=1)  # adamw
    weight_decay: float = Field(0.05, ge=0)  # kernels only; in the gradient for sgd, decoupled for adamw
    clip_norm: float | None = Field(10.0, gt=0)  # of the gradient of the whole batch, all replicas together


class ScheduleSettings(Settings):
    """The learning rate over the run: a rising start, a cosine, a constant end. Shares are of the whole run."""

    warmup: float = Field(0.03, ge=0, lt=1)  # share spent rising to the full rate
    warmup_power: float = Field(1.0, gt=0)  # 1 is linear, 2 quadratic
    final: float = Field(0.02, ge=0, le=1)  # the last rate, as a share of the full one
    hold: float = Field(0.0, ge=0, lt=1)  # last share of the run, spent at the last rate
    closing: float = Field(0.15, ge=0, le=1)  # last share of the run: no mosaic or mix-up


class AverageSettings(Settings):
    """The exponential moving average of all weights, which is what is scored and saved."""

    decay: float = Field(0.9998, ge=0, lt=1)  # reached step by step, see `schedule.average_decay`


MOST_VALIDATIONS = 30  # of a run whose settings name no number


class TrainingSettings(Settings):
    """One training run."""

    data: str
    model: str = "yolox-micro"
    architecture: dict[str, Any] = {}  # settings of the model that differ from its row
    name: str | None = None  # of the run folder; chosen from the model's name when not given
    runs: str = "runs"  # the folder that holds run folders
    recipe: Literal["default", "paper"] = "default"

    image_size: int | None = Field(None, gt=0)  # pixels, side of the square; the model's own when not given
    sizes: tuple[int, ...] = ()  # multi-scale: sides to choose from, one for every ten steps
    batch_size: int = Field(16, gt=0)  # images a replica and forward pass
    accumulate: int = Field(1, gt=0)  # forward passes whose gradients make one update
    epochs: float | None = Field(None, gt=0)
    max_time: float | None = Field(None, gt=0)  # seconds for the whole run, evaluation included
    seed: int = 0

    weights: str = "auto"  # "auto", "imagenet", "none", a run or model folder, a published checkpoint or its file
    freeze: tuple[str, ...] = ()  # starts of the names of layers to hold fixed, such as backbone.stem
    precision: Literal["float32", "bfloat16"] = "float32"
    strategy: Literal["auto", "one", "mirrored", "workers"] = "auto"

    validations: int | None = Field(None, ge=1)  # evenly over the run; by default 30, and no more than one an epoch
    checkpoint_seconds: float = Field(600.0, ge=0)  # a checkpoint is written between validations after so long
    patience: int | None = Field(None, gt=0)  # stop after so many validations without a better AP
    max_lost: float = Field(0.1, ge=0, le=1)  # largest share of images or boxes that reading may lose

    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    average: AverageSettings = AverageSettings()
    pipeline: PipelineSettings = PipelineSettings()

    @property
    def validation_count(self) -> int:
        """How often the model is scored and saved."""
        if self.validations is not None:
            return self.validations
        return MOST_VALIDATIONS if self.epochs is None else min(MOST_VALIDATIONS, max(1, int(self.epochs)))

    @property
    def side(self) -> int:
        """Side of the images that the model is scored on, pixels."""
        if self.image_size is None:
            raise ValueError("settings without image_size: resolve them first, see training.resolution")
        return self.image_size

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the images that it is trained on, pixels."""
        return self.sizes or (self.side,)
