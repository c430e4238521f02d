"""Running detectors on images, videos and cameras."""
