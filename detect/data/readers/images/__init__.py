"""Find the image files that annotations mean."""
