"""Read `tf.train.Example` records of images and boxes, in TFRecord files."""
