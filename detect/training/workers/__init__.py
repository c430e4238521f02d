"""The processes, on several machines or one, that train a run together."""
