"""All scores of a run's samples at once, beside those of real data and of noise."""

from minigan.metrics.evaluation.data import reference_of
from minigan.metrics.evaluation.scores import Calibration, Reference, Scores, calibrate, evaluate

__all__ = ["Calibration", "Reference", "Scores", "calibrate", "evaluate", "reference_of"]
