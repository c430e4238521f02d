"""What detectors share whose queries are chosen among the tokens of an encoder, with denoising queries in training."""

import abc
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from detect.layers.class_contents import ClassContents
from detect.layers.query_selection import QuerySelection, Selection
from detect.layers.sampling_seed import SamplingSeed
from detect.models.detector import DetectorConfig, geometry
from detect.models.drawn_noise import draw_noisy_queries
from detect.models.query_detector import QueryDetector
from detect.models.query_losses import Distances, Predictions, QueryLoss, query_losses, stacked
from detect.ops.compiling import Runtime
from detect.ops.denoising import NoisyQueries, may_attend
from detect.structures import Targets


class Start(NamedTuple):
    """Inputs of a decoder for its queries, denoising queries first."""

    queries: tf.Tensor  # [B, Q, D]
    boxes: tf.Tensor  # float32 [B, Q, 4], relative boxes
    mask: tf.Tensor | None  # float32 [Q, Q], see `MultiHeadAttention`
    noise: NoisyQueries | None


class DenoisingDetector(QueryDetector):
    """A detector of an encoder, a selection of queries among its tokens, and a decoder.

    Attributes:
        config: has `denoising`, `label_noise` and `box_noise`.
        selection: chooses queries.
        decoder: makes `Decoded` of them.
        denoised_classes: the contents of denoising queries, by class.
    """

    config: Any
    selection: QuerySelection
    decoder: keras.layers.Layer
    denoised_classes: ClassContents
    seed: SamplingSeed

    def __init__(self, config: DetectorConfig, classes: int, *, runtime: Runtime = "local", name: str | None = None):
        super().__init__(config, classes, runtime=runtime, name=name)
        self.seed = SamplingSeed()

    def build(self, input_shape) -> None:
        """Make the weights of the layer that only training calls."""
        self.denoised_classes.build(None)

    @abc.abstractmethod
    def encode(self, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Return the levels [B, h, w, D] among whose tokens queries are chosen, finest first."""

    def call(self, images, targets=None, training: bool = False, extents=None) -> dict[str, Any]:
        """Return what the encoder and each layer of the decoder say of each query.

        Returns:
            class_logits: [B, Q, K], and boxes: [B, Q, 4], relative boxes: those of the last layer. chosen: what the
            encoder says, see `Selection`. decoded: what each layer says, see `Decoded`. noise: the denoising queries,
            in training, which come first in `decoded`; else None.
            size: height and width of the images; extents, [B, 2]: those of each image without its padding; pixels.
        """
        memory, sizes = side_by_side(self.encode(images, training))
        chosen = self.selection(memory, sizes=sizes)
        start = self._start(chosen, targets if training else None, (images.shape[1], images.shape[2]))
        decoded = self.decoder(start.queries, start.boxes, memory, sizes=sizes, attention_mask=start.mask)
        count = chosen.boxes.shape[1]
        return {
            "class_logits": decoded.class_logits[-1][:, -count:],
            "boxes": decoded.boxes[-1][:, -count:],
            "chosen": chosen,
            "decoded": decoded,
            "noise": start.noise,
            **geometry(images, extents),
        }

    def losses_of_queries(
        self,
        settings: QueryLoss,
        outputs: dict[str, Any],
        targets: Targets,
        closing: float | tf.Tensor,
        distances: Distances | None = None,
    ) -> dict[str, tf.Tensor]:
        """Return the losses of all layers, of the encoder and of denoising queries, see `query_losses`."""
        chosen = outputs["chosen"]
        return query_losses(
            settings,
            stacked(outputs["decoded"]),
            targets,
            outputs["size"],
            proposals=Predictions(chosen.class_logits[None], chosen.boxes[None]),
            noise=outputs["noise"],
            distances=distances,
            class_weights=self.class_weights,
            closing=closing,
            runtime=self.runtime,
        )

    def _start(self, chosen: Selection, targets: Targets | None, size: tuple[int, int]) -> Start:
        """Return what the decoder starts from; no gradient flows to the encoder."""
        queries, boxes = tf.stop_gradient(chosen.queries), tf.stop_gradient(chosen.boxes)
        if targets is None or not self.config.denoising:
            return Start(queries, boxes, None, None)
        noise = draw_noisy_queries(
            targets,
            size,
            self.seed.next(),
            pairs=self.config.denoising,
            classes=self.classes,
            label_noise=self.config.label_noise,
            box_noise=self.config.box_noise,
        )
        mask = tf.where(may_attend(noise.group, queries.shape[1]), 0.0, -np.inf)
        contents = tf.cast(self.denoised_classes(noise.labels), queries.dtype)
        return Start(tf.concat([contents, queries], axis=1), tf.concat([noise.boxes, boxes], axis=1), mask, noise)


def side_by_side(levels: list[tf.Tensor]) -> tuple[tf.Tensor, list[tuple[int, int]]]:
    """Return the tokens of all `levels` [B, h, w, D] side by side, [B, S, D], and height and width of each level."""
    sizes = [(level.shape[1], level.shape[2]) for level in levels]
    tokens = [
        tf.reshape(level, [-1, height * width, level.shape[3]])
        for level, (height, width) in zip(levels, sizes, strict=True)
    ]
    return tf.concat(tokens, axis=1), sizes
