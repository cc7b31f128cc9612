"""Experiments: which of two strategies is better, answered so that the answer can be trusted."""
