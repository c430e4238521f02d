"""Sources of images and video frames."""
