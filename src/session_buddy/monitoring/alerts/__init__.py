"""Alerts out: to whom, what is said, what is still to be said, and saying it."""
