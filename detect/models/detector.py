"""The contract of every detector: images in; outputs, a loss of named parts, and boxes out.

A model is one file beside this one. It defines a `Config`, a table `VARIANTS` of `Variant` rows, and one final class
that derives from `Detector`. `detect.models.create("file-row", classes)` finds it by these names, so a new model does
not edit any other file.
"""

import abc
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detect.config import Settings, build
from detect.errors import BadInput
from detect.layers.sampling_seed import SamplingSeed
from detect.models.ordered_sums import ordered_sums
from detect.models.suppression import Suppression
from detect.ops.compiling import Runtime
from detect.structures import Batch, Candidates, Detections, Targets


class DetectorConfig(Settings):
    """Settings that every model has; a model's own Config adds to them."""

    confidence: float = 0.05
    """Detections in validation need a score above this."""
    iou: float = 0.5
    """Non-maximum suppression: boxes of one class that overlap more than this are one object."""
    max_detections: int = 100
    """Detections per image."""
    candidates: int = 1000
    """Pairs of box and class per image that enter suppression, the best by score."""

    def limits(self, confidence=None) -> dict[str, Any]:
        """Return the arguments by which suppression bounds its result, with `confidence` in place of the setting."""
        return {
            "confidence": self.confidence if confidence is None else confidence,
            "max_detections": self.max_detections,
            "candidates": self.candidates,
        }


@dataclass(frozen=True)
class Variant:
    """A row of a model's table: the settings that a name such as `yolox-s` stands for."""

    config: DetectorConfig
    image_size: int  # side of the square that it is trained and run at by default, pixels
    published_ap: float | None = None  # COCO val AP of the authors, per cent
    recipe: Mapping[str, Any] = field(default_factory=dict)  # training settings of the authors, dotted names
    parameters: float | None = None  # published number of trainable parameters for the classes of COCO, millions
    multiply_adds: float | None = None  # published cost of an image at the authors' size, billions
    counted: float | None = None  # our count of the parameters where nobody has published it


class Detector(keras.Model, abc.ABC):
    """Images to boxes. Final classes define what is abstract here; `Detector` adds Keras' `compile` and `fit`.

    Attributes:
        config: the model's settings.
        classes: K, the number of classes.
        runtime: what will run the model. Models hand it to the operations and layers that have several implementations.
        size_divisor: heights and widths must be multiples of this,
        smallest_side: and not less than this.
        suppression: what `decode` does with the candidates, for exports that leave it to others; None where boxes do
            not compete.
        candidate_inputs: what an export that ends with the candidates takes: `images`, and `extents` too where the
            network uses them for more than clipping boxes.
        class_weights: float32 [K], factors of the class loss of positives, by their class, see `weigh_positives`; None:
            1. Whoever trains may set them; they are not saved.
        seed: of the random choices that `call` makes in training; None where it makes none.
        grouped_by_class: names of the layers that have all values of a class side by side. Those of the others that
            depend on the classes have, for each anchor, the values of all classes side by side, and the background last
            where there is one.
        variant: settings and image size of a class in a file of the user's, see `detect.models.own_files`; those of
            this package are in tables.
    """

    size_divisor = 32
    smallest_side = 64
    suppression: Suppression | None = None
    candidate_inputs: tuple[str, ...] = ("images",)
    class_weights: np.ndarray | None = None
    seed: SamplingSeed | None = None
    grouped_by_class: tuple[str, ...] = ()
    variant: Variant | None = None

    def __init_subclass__(cls, **options: Any):
        """Register the class with Keras, whose files name it by its own name and that of its file: `yolox>YOLOX`."""
        super().__init_subclass__(**options)
        file = getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__
        keras.saving.register_keras_serializable(package=Path(file).stem)(cls)

    def __init__(self, config: DetectorConfig, classes: int, *, runtime: Runtime = "local", name: str | None = None):
        # Keras would number the names of models. TensorFlow keeps a kernel for each name and shape of a variable, so a
        # second model of the same size is created in two thirds of the time.
        name = name or type(self).__name__.lower()
        super().__init__(name=name, autocast=False)  # Keras would cast the boxes of `targets` to bfloat16
        del self.loss  # Keras stores an empty `loss`, which would hide the method
        self.config = config
        self.classes = classes
        self.runtime = runtime

    def build(self, input_shape) -> None:
        """Layers make their weights when first called; without this, Keras would trace `call` twice to find them."""

    @abc.abstractmethod
    def call(
        self,
        images: tf.Tensor,
        targets: Targets | None = None,
        training: bool = False,
        extents: tf.Tensor | None = None,
    ) -> dict[str, Any]:
        """Return raw outputs; every tensor is float32, whatever the compute precision.

        Args:
            images: RGB [B, H, W, 3], 0..255: uint8, or float32 where a `Fit` keeps fractions.
            targets: for models whose forward pass uses the truth in training (sampling, denoising); others ignore it.
            training: whether normalisations use the statistics of the batch, and the like.
            extents: float32 [B, 2], the rows and columns of each image that are not padding; boxes end there. None:
                there is no padding.
        """

    @abc.abstractmethod
    def loss(self, outputs: dict[str, Any], targets: Targets, closing: float | tf.Tensor = 0.0) -> dict[str, tf.Tensor]:
        """Return named scalars whose sum is what this replica adds to the loss of the whole batch.

        Normalisers, such as the number of positives, are summed over all replicas (`sum_over_replicas`), so that the
        sum of the gradients of all replicas is the gradient of one large batch.

        Args:
            outputs: what `call` returned.
            targets: the truth.
            closing: 1 in the closing phase of a training run, when images are no longer mixed, and 0 otherwise; a
                scalar tensor where one graph is to serve both. Some models add a loss in that phase.
        """

    @abc.abstractmethod
    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return every box with its scores, of which `decode` chooses; in pixels of the input."""

    @abc.abstractmethod
    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return the best detections in pixels of the input, within each image without its padding.

        Args:
            outputs: what `call` returned.
            confidence: scores have to be above this; float or scalar tensor. None: that of `config`.
            iou: boxes of one class that overlap more than this are one object; float or scalar tensor. None: that of
                `config`. A model that does not decide by overlap has no use for it.

        Returns:
            `config.max_detections` rows per image, best score first, padded with zeros and the label -1.
        """

    def matchable(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return which true boxes the model can learn well, each as if it was alone in its image: bool [n].

        All of them, unless a model assigns boxes to anchors or points by place and size.

        Args:
            boxes: float32 [n, 4], pixels of the input.
            size: height and width of the input, pixels.
        """
        return np.ones(len(boxes), bool)

    @classmethod
    def settings_class(cls) -> type[DetectorConfig]:
        """Return the class of `config`, which the class of the detector declares."""
        return typing.get_type_hints(cls)["config"]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes the detector of, without its weights; for Keras' `save`."""
        return {"name": self.name, "classes": self.classes, "settings": self.config.model_dump(mode="json")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Detector":
        """Return a detector with all its weights, which are random: Keras' `load_model` then replaces them."""
        settings = build(cls.settings_class(), config["settings"], f"the configuration of {cls.__name__}")
        return with_random_weights(cls(settings, config["classes"], name=config["name"]))

    def like(self, classes: int | None = None, runtime: Runtime | None = None) -> "Detector":
        """Return a detector of this class and with these settings, but with weights of its own, which are random.

        Args:
            classes: by default as many.
            runtime: by default the same.
        """
        other = type(self)(self.config, classes or self.classes, runtime=runtime or self.runtime)
        return with_random_weights(other)

    def with_settings(self, **settings: Any) -> "Detector":
        """Return a detector with these weights and some other settings.

        Raises:
            BadInput: there is no such setting, a value does not fit, or the weights do not fit to it.
        """
        values, where = {**self.config.model_dump(), **settings}, f"settings of {type(self).__name__}"
        other = with_random_weights(
            type(self)(build(type(self.config), values, where), self.classes, runtime=self.runtime)
        )
        try:
            other.set_weights(self.get_weights())
        except ValueError:
            names = ", ".join(settings)
            raise BadInput(
                f"{where}: the weights do not fit to other values of {names}. Train a model with them."
            ) from None
        return other

    def compile(self, optimizer="rmsprop", loss=None, *, jit_compile=False, **options) -> None:
        """See Keras' `compile`. XLA is off by default: it slows this training on a CPU.

        Raises:
            BadInput: losses or metrics are given.
        """
        if loss is not None or options.get("loss_weights") is not None:
            raise BadInput("The loss belongs to the detector, which computes it in `loss`: compile it without one.")
        if any(options.get(name) is not None for name in ("metrics", "weighted_metrics")):
            raise BadInput("Metrics of Keras do not know boxes: give `fit` the callback `detect.CocoScores` instead.")
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the detector was when it was saved, with the optimizer's variables, for Keras' `load_model`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """Update the weights once, for Keras' `fit` on one device."""
        losses, gradients = losses_and_gradients(self, data.images, data.targets)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return _with_total(losses)

    def test_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """Return the losses of one batch, for Keras' `evaluate` and `fit(validation_data=...)`."""
        return _with_total(self.loss(self(data.images, training=False), data.targets))

    def predict_step(self, data) -> Detections:
        """Return the detections of one batch, for Keras' `predict`."""
        images = data.images if isinstance(data, Batch) else data
        return self.decode(self(images, training=False))


def with_random_weights(detector: Detector) -> Detector:
    """Return the detector after its first call, in which layers make their weights."""
    side = detector.smallest_side
    detector(tf.zeros([1, side, side, 3], tf.uint8))
    return detector


def geometry(images: tf.Tensor, extents: tf.Tensor | None) -> dict[str, Any]:
    """Return what outputs repeat of the arguments of `call`: the `size` of the images, and their `extents`.

    Both are heights and widths in pixels: integers where the graph knows them, and float32 [B, 2].
    """
    return {"size": (images.shape[1], images.shape[2]), "extents": extents_or_all(images, extents)}


def extents_or_all(images: tf.Tensor, extents: tf.Tensor | None) -> tf.Tensor:
    """Return the `extents` of `Detector.call`, float32 [B, 2]; the sides of the images where there are none."""
    if extents is not None:
        return extents
    return tf.cast(tf.broadcast_to(tf.shape(images)[1:3], [tf.shape(images)[0], 2]), tf.float32)


def losses_and_gradients(
    detector: Detector, images: tf.Tensor, targets: Targets, closing: float | tf.Tensor = 0.0
) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
    """Return the named losses of a batch, and the gradient of their sum for every trainable variable.

    Args:
        detector: the model, run in training mode.
        images: uint8 or float32 [B, H, W, 3].
        targets: the truth.
        closing: as of `Detector.loss`.
    """
    with tf.GradientTape() as tape:
        losses = detector.loss(detector(images, targets=targets, training=True), targets, closing)
        total = tf.add_n(list(losses.values()))
    with ordered_sums():
        return losses, tape.gradient(total, detector.trainable_variables)


def _with_total(losses: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"loss": tf.add_n(list(losses.values())), **losses}
