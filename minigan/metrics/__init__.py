"""How good are generated samples? The judges, and the scores of images, features and points."""

from minigan.metrics.classes import ClassHistogram, class_accuracy, class_histogram
from minigan.metrics.classifier import classifier_score
from minigan.metrics.divergence import kl_divergence
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.judge import Judge, load_judge, read_judge
from minigan.metrics.kernel import kernel_distance
from minigan.metrics.modes import ModeCount, caught_modes
from minigan.metrics.neighbours import Memorisation, Neighbours, memorisation, nearest_training
from minigan.metrics.parzen import ParzenScore, choose_sigma, parzen_log_likelihood
from minigan.metrics.precision import PrecisionRecall, precision_recall
from minigan.metrics.score import Score
from minigan.metrics.stacked import StackedModes, stack_digits, stacked_modes
from minigan.metrics.wasserstein import sliced_wasserstein, wasserstein_1d

__all__ = [
    "ClassHistogram",
    "Judge",
    "Memorisation",
    "ModeCount",
    "Neighbours",
    "ParzenScore",
    "PrecisionRecall",
    "Score",
    "StackedModes",
    "caught_modes",
    "choose_sigma",
    "class_accuracy",
    "class_histogram",
    "classifier_score",
    "frechet_distance",
    "kernel_distance",
    "kl_divergence",
    "load_judge",
    "memorisation",
    "nearest_training",
    "parzen_log_likelihood",
    "precision_recall",
    "read_judge",
    "sliced_wasserstein",
    "stack_digits",
    "stacked_modes",
    "wasserstein_1d",
]
