"""The histogram of classes and its divergence: against loops and SciPy, and of samplers whose values are known."""

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.errors import DTypeError, RangeError, ShapeError
from minigan.metrics import class_accuracy, class_histogram
from minigan.metrics.divergence import kl_divergence

RNG = np.random.default_rng(0)
P = RNG.dirichlet([0.3] * 10, size=500)


def shown(*classes, of=4):
    """Sure answers."""
    return np.eye(of)[list(classes)]


# ---- samplers whose values are known -----------------------------------------------------------------------


def test_samples_of_all_classes_alike_have_no_divergence_and_miss_nothing():
    found = class_histogram(np.eye(10).repeat(7, 0))
    assert (found.counts.tolist(), found.rarest, found.missing) == ([7] * 10, 0.1, ())
    assert found.kl == pytest.approx(0, abs=1e-15)


def test_samples_of_one_class_have_a_divergence_of_the_log_of_the_number_of_classes():
    found = class_histogram(shown(*[2] * 9))
    assert (found.counts.tolist(), found.rarest, found.missing) == ([0, 0, 9, 0], 0.0, (0, 1, 3))
    assert found.kl == pytest.approx(math.log(4), rel=1e-15)


def test_the_divergence_of_a_perfect_sampler_is_the_floor_of_a_finite_sample():
    classes, n, seeds = 10, 2000, 100
    drawn = np.random.default_rng(1).multinomial(n, [1 / classes] * classes, size=seeds)
    divergences = [kl_divergence(counts) for counts in drawn]
    spread = math.sqrt((classes - 1) / 2) / n  # 2 N KL has a chi-squared distribution of K - 1 degrees
    assert np.mean(divergences) == pytest.approx((classes - 1) / (2 * n), abs=4 * spread / math.sqrt(seeds))


def test_the_divergence_of_a_sampler_that_lost_classes_has_the_floor_of_those_that_are_left():
    labels = np.random.default_rng(0).integers(0, 2, (2000, 100))
    found = [class_histogram(np.eye(10)[row]).kl - math.log(5) for row in labels]
    assert np.mean(found) == pytest.approx(1 / 200, abs=3 * np.std(found) / 2000**0.5)


def test_real_digits_have_the_shares_of_their_labels():
    images, labels = mg.data.load_mnist("test")
    probabilities = mg.metrics.load_judge("report").probabilities(
        mg.data.gather_pixels(images[:, None], np.arange(1000))
    )
    found = class_histogram(probabilities, reference=np.bincount(labels[:1000]) / 1000)
    assert np.abs(found.counts - np.bincount(labels[:1000])).max() <= 5
    assert found.kl < 1e-3


# ---- what is computed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [None, RNG.dirichlet([5] * 10)], ids=["uniform", "other shares"])
def test_every_number_is_that_of_a_loop_and_of_scipy(reference):
    counts = [0] * 10
    for row in P.tolist():
        counts[row.index(max(row))] += 1
    found = class_histogram(P, reference)
    assert found.counts.tolist() == counts
    assert found.shares.tolist() == [count / 500 for count in counts]
    assert found.rarest == min(counts) / 500
    expected = stats.entropy(counts, [0.1] * 10 if reference is None else reference)
    assert found.kl == pytest.approx(expected, rel=1e-12)


def test_the_order_of_samples_does_not_matter():
    once, again = class_histogram(P), class_histogram(P[::-1].copy())
    assert (once.counts.tolist(), once.kl) == (again.counts.tolist(), again.kl)


def test_the_divergence_is_not_symmetric():
    assert kl_divergence([9, 1]) == pytest.approx(math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert kl_divergence([1, 1], [0.9, 0.1]) == pytest.approx(-math.log(2) - (math.log(0.9) + math.log(0.1)) / 2)


def test_of_nothing_counted_the_divergence_is_not_a_number():
    assert math.isnan(kl_divergence([0, 0]))
    assert kl_divergence([1e-300, 1e300]) == pytest.approx(math.log(2))  # the share of the first is 0 in float64


def test_tensors_and_float32_arrays_count_the_same():
    counts = [class_histogram(form).counts.tolist() for form in (P, P.astype(np.float32), mg.tensor(P))]
    assert counts[0] == counts[1] == counts[2]


# ---- those that were asked for -----------------------------------------------------------------------------


def test_the_accuracy_is_the_share_of_samples_that_show_what_was_asked_for():
    asked = RNG.integers(10, size=len(P))
    right = sum(max(range(10), key=row.__getitem__) == label for row, label in zip(P.tolist(), asked, strict=True))
    assert class_accuracy(P, asked) == right / len(P)
    assert class_accuracy(mg.tensor(P), asked.tolist()) == right / len(P)
    assert class_accuracy(shown(2, 0, 3, 1), [2, 0, 3, 1]) == 1


@pytest.mark.parametrize("labels", [[1] * 499, [[1]] * 500, 1, np.zeros((500, 10))])
def test_another_number_of_labels_is_refused(labels):
    with pytest.raises(ShapeError, match=r"class_accuracy: expected labels of shape \(500,\), one for each sample"):
        class_accuracy(P, labels)


@pytest.mark.parametrize("label", [10, -1, 1.5, np.nan])
def test_labels_that_are_no_classes_are_refused_and_named(label):
    says = rf"^class_accuracy: expected labels from 0 to 9, as there are 10 probabilities, but found \[{label}\]\."
    with pytest.raises(RangeError, match=says):
        class_accuracy(np.eye(10), [*range(9), label])


def test_labels_of_words_are_refused():
    with pytest.raises(DTypeError, match="class_accuracy: expected labels as real numbers"):
        class_accuracy(P, ["seven"] * 500)


# ---- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 10), (5,), (5, 1), (2, 5, 2)])
def test_what_is_no_probabilities_of_classes_is_refused(shape):
    with pytest.raises(ShapeError, match=r"class_histogram: expected probabilities \(N, K\)"):
        class_histogram(np.full(shape, 1.0))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([math.nan, 0.5, 0.5], "1 of 3 rows .*hold NaN"),
        ([-0.5, 1.0, 0.5], "1 of 3 rows .*hold numbers below 0"),
        ([3.0, 1.0, 2.0], "1 of 3 rows .*do not add up to 1"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused_and_counted(row, message):
    with pytest.raises(RangeError, match=message):
        class_histogram(np.array([[1.0, 0.0, 0.0], row, [0.0, 1.0, 0.0]]))


def test_words_are_refused():
    with pytest.raises(DTypeError, match="expected a tensor or an array of numbers"):
        class_histogram("probabilities")


@pytest.mark.parametrize("words", ["x", ["a"] * 10, [[1], [1, 2]]])
def test_a_reference_and_counts_of_words_are_refused(words):
    with pytest.raises(DTypeError, match="expected a reference as real numbers"):
        class_histogram(P, words)
    with pytest.raises(DTypeError, match="expected counts as real numbers"):
        kl_divergence(words)


def test_a_reference_of_another_length_is_refused():
    with pytest.raises(ShapeError, match=r"expected a reference of shape \(10,\), as the counts, but got \(3,\)"):
        class_histogram(P, [0.2, 0.3, 0.5])


def test_a_reference_that_lacks_a_class_is_refused_and_the_class_named():
    with pytest.raises(RangeError, match=r"no share of \[1, 3\].* data that have all classes"):
        class_histogram(shown(0, 2), [0.5, 0, 0.5, 0])


@pytest.mark.parametrize("reference", [[2, 3, 4, 1], [0.5, 0.7, -0.3, 0.1], [math.nan, 0.5, 0.3, 0.2]])
def test_a_reference_that_is_no_shares_is_refused(reference):
    with pytest.raises(RangeError, match="expected shares above 0 that add up to 1"):
        class_histogram(shown(0, 2), reference)


@pytest.mark.parametrize("counts", [[1, -1], [math.nan, 1], [math.inf, 1]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(RangeError, match="expected counts that are 0 or more"):
        kl_divergence(counts)


@pytest.mark.parametrize("counts", [[], [[1, 2]], 3])
def test_counts_of_another_shape_are_refused(counts):
    with pytest.raises(ShapeError, match=r"expected counts \(K,\)"):
        kl_divergence(counts)
