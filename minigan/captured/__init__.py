"""Captured functions: a step is recorded once, and replayed from then on without the tape and without Python."""

from minigan.captured.capture import Captured, capture

__all__ = ["Captured", "capture"]
