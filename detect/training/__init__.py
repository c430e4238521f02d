"""Training: settings, schedules, checkpoints, distribution, and the loop."""
