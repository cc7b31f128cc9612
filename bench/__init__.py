"""Benchmarks with public tools only: ``./dev bench`` prints tables; ratios come from one run on one machine."""
