"""Tasks of `workers.py`: KerasHub's RetinaNet-R50 with random weights: `predict SIDE` and `train SIDE BATCH`."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from keras_hub.src.models.retinanet.retinanet_label_encoder import RetinaNetLabelEncoder  # not public
from measuring.batches import CLASSES, made_up_batch
from measuring.serving import Task, serve


def prepare(task: str) -> Task:
    name, side, *batch = task.split()
    images, boxes, labels = made_up_batch(int(side), int(batch[0]) if batch else 1)
    detector = create(int(side))
    if name == "predict":
        return lambda: detector.predict(images.astype(np.float32), verbose=0) and None
    detector.compile(optimizer=keras.optimizers.SGD(1e-5, momentum=0.9))
    pictures = tf.constant(images, tf.float32)
    targets = {"boxes": tf.constant(boxes), "labels": tf.constant(labels, tf.float32)}
    # Its own `train_on_batch` does not accept targets that consist of several tensors.
    return lambda: keras.Model.train_on_batch(detector, pictures, targets) and None


def create(side: int) -> keras.Model:
    resnet = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
        image_shape=(side, side, 3),
    )
    levels = {"min_level": 3, "max_level": 7}  # the levels for which its label encoder creates anchors
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=resnet, use_p5=False, image_shape=(side, side, 3), **levels
    )
    anchors = {"num_scales": 3, "aspect_ratios": [0.5, 1.0, 2.0], "anchor_size": 4.0}
    generator = keras_hub.layers.AnchorGenerator(bounding_box_format="xyxy", **levels, **anchors)
    encoder = RetinaNetLabelEncoder(generator, bounding_box_format="xyxy")
    return keras_hub.models.RetinaNetObjectDetector(
        backbone=backbone, label_encoder=encoder, num_classes=CLASSES, bounding_box_format="xyxy"
    )


if __name__ == "__main__":
    serve(prepare)
