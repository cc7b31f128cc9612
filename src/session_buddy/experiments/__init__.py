"""Experiments: two strategies, users shared out between them, and what the difference is worth."""
