"""What a run shows and writes while it trains: progress, metrics, pictures, and the sentences at its end."""
