"""Output of a run while it trains: progress, metrics, pictures, and the sentences at its end."""
