"""Advice on how a trained model gets better: `detect advise`."""
