"""Export formats, one folder per format."""
