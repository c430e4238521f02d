"""Readers of annotation formats, and the checks that what they read has to pass."""
