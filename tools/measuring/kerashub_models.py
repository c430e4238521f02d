"""Tasks of `workers.py`: KerasHub's RetinaNet-R50 and D-FINE-N with random weights.

predict SIDE            RetinaNet on one image
train SIDE BATCH        a training step of RetinaNet
dfine SIDE BATCH        D-FINE on images
dfine-loss SIDE BATCH   only the loss of D-FINE, of outputs that are there, without gradients
"""

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
    if name == "dfine":
        return predicting_by_dfine(images)
    if name == "dfine-loss":
        return loss_of_dfine(images, boxes, labels)
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


def predicting_by_dfine(images: np.ndarray) -> Task:
    detector, pictures = create_dfine(images.shape[1]), images.astype(np.float32) / 255
    return lambda: detector.predict(pictures, batch_size=len(images), verbose=0) and None


def loss_of_dfine(images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Task:
    """Return a call that computes the loss; denoising queries, which are those of fixed boxes, are left out."""
    detector = create_dfine(images.shape[1])
    pictures = tf.constant(images, tf.float32) / 255
    middles, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    relative = np.concatenate([middles, sides], axis=-1) / images.shape[1]
    targets = {"boxes": tf.constant(relative), "labels": tf.constant(labels)}
    outputs = detector(pictures, training=True)
    compute = tf.function(lambda: detector.compute_loss(pictures, targets, outputs, None, training=True))
    return lambda: compute().numpy() and None


def create_dfine(side: int) -> keras.Model:
    """Return D-FINE-N with the settings that its documentation has."""
    network = keras_hub.models.HGNetV2Backbone(
        stem_channels=[3, 16, 16],
        stackwise_stage_filters=[
            [16, 16, 64, 1, 3, 3],
            [64, 32, 256, 1, 3, 3],
            [256, 64, 512, 2, 3, 5],
            [512, 128, 1024, 1, 3, 5],
        ],
        apply_downsample=[False, True, True, True],
        use_lightweight_conv_block=[False, False, True, True],
        depths=[1, 1, 2, 1],
        hidden_sizes=[64, 256, 512, 1024],
        embedding_size=16,
        use_learnable_affine_block=True,
        hidden_act="relu",
        image_shape=(side, side, 3),
        out_features=["stage3", "stage4"],
    )
    backbone = keras_hub.models.DFineBackbone(
        backbone=network,
        decoder_in_channels=[128, 128],
        encoder_hidden_dim=128,
        num_denoising=0,
        num_labels=CLASSES,
        hidden_dim=128,
        learn_initial_query=False,
        num_queries=300,
        anchor_image_size=(side, side),
        feat_strides=[16, 32],
        num_feature_levels=2,
        encoder_in_channels=[512, 1024],
        encode_proj_layers=[1],
        num_attention_heads=8,
        encoder_ffn_dim=512,
        num_encoder_layers=1,
        hidden_expansion=0.34,
        depth_multiplier=0.5,
        eval_idx=-1,
        num_decoder_layers=3,
        decoder_attention_heads=8,
        decoder_ffn_dim=512,
        decoder_n_points=[6, 6],
        lqe_hidden_dim=64,
        num_lqe_layers=2,
        out_features=["stage3", "stage4"],
        image_shape=(side, side, 3),
    )
    return keras_hub.models.DFineObjectDetector(backbone, num_classes=CLASSES, bounding_box_format="xyxy")


if __name__ == "__main__":
    serve(prepare)
