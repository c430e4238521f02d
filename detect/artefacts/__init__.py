"""Exported models: what they say of themselves, and what all formats share."""
