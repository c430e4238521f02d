"""Running detectors on images and video."""
