"""What happens before the first step: settings, checks, weights and data."""
