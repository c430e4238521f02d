"""The start of a run, before its first step: settings, checks, weights and data."""
