"""Number the classes of a data set from 0: networks count their outputs so."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def count_classes(labels: NDArray[np.int64] | None) -> int:
    """How many classes there are in labels from 0 to K - 1: K; 0 where there are no labels.

    Example:
        >>> from minigan.data.classes import count_classes
        >>> count_classes(np.array([2, 0, 1, 0])), count_classes(None)
        (3, 0)
    """
    return 0 if labels is None else int(labels.max()) + 1


def class_numbers(labels: ArrayLike, training: ArrayLike | None = None) -> NDArray[np.int64]:
    """The place of each label among the classes of the training split, in their order.

    Both splits are numbered by the classes to train on, so that a number means the same in both, and none of them
    stands for a class that is not there. Classes that only the test split has come after all others.

    Args:
        labels: of one split, (N,): numbers or names.
        training: those of the training split, if they are others.

    Returns:
        int64 (N,): 0 to K - 1 in the training split.

    Example:
        >>> from minigan.data.classes import class_numbers
        >>> class_numbers([26, 1, 2, 1]), class_numbers(["dog", "ant"], training=["cat", "dog"])
        (array([2, 0, 1, 0]), array([1, 2]))
    """
    known = np.unique(labels if training is None else training)
    classes = np.concatenate([known, np.setdiff1d(labels, known)])
    order = np.argsort(classes)
    return order[np.searchsorted(classes, labels, sorter=order)].astype(np.int64)
