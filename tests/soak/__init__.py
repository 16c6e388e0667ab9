"""Thousands of calls with every race mixed in, and whether anything is left of them: `python -m tests.soak`."""
