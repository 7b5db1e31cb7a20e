"""Prove on a team's own prompt log that a cheaper model is as good, task by task."""

__version__ = "0.1.0"
