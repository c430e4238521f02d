"""Where images and video frames come from."""
