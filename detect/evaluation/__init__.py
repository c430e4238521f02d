"""Scoring detections against ground truth, and reporting the scores."""
