"""Benchmarks: `python -m benchmarks`. They print and fail on nothing."""
