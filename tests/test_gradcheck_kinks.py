"""At a kink there is no derivative: gradcheck moves off it, says so, and still finds what is wrong."""

import numpy as np
import pytest

import minigan as mg
from minigan.tape import primitive

LINE = np.linspace(-1, 1, 41)  # 0 is number 20, and -0.5 and 0.5 are numbers 10 and 30
both_modes = pytest.mark.parametrize("fast_mode", [False, True], ids=["whole", "fast"])


def leaf(values):
    return mg.as_tensor(np.array(values, float)).requires_grad_()


KINKS = {
    "relu": (mg.relu, [LINE], [(0, (20,))]),
    "abs": (mg.abs, [LINE], [(0, (20,))]),
    "leaky_relu": (lambda x: mg.nn.functional.leaky_relu(x, 0.2), [LINE], [(0, (20,))]),
    "clamp": (lambda x: mg.clamp(x, -0.5, 0.5), [LINE], [(0, (10,)), (0, (30,))]),
    "a tie of the largest": (lambda x: x.amax(), [np.r_[LINE, 1.0]], [(0, (40,))]),
    "a tie of three": (lambda x: x.amin(), [np.r_[LINE, -1.0, -1.0]], [(0, (0,)), (0, (41,))]),
    "a tie in a row": (lambda x: x.max(1)[0], [np.r_[LINE, 1.0].reshape(2, 21)], [(0, (1, 19))]),
    "maximum": (mg.maximum, [LINE, -LINE], [(0, (20,))]),
    "minimum with a constant": (lambda x: mg.minimum(-LINE, x), [LINE], [(0, (20,))]),
    "a sum": (lambda x: mg.abs(x.sum()), [np.r_[LINE, 0.5, -0.5]], [(0, (0,))]),
    "the slope of a slope": (lambda x: mg.relu(x) ** 2 + mg.abs(x), [LINE], [(0, (20,))]),
    "a jump": (lambda x: mg.where(x > 0, x + 1, x), [LINE], [(0, (20,))]),
    "a jump from both sides": (lambda x: mg.sign(x) * x * x + mg.sign(x), [LINE], [(0, (20,))]),
    "the edge of the domain": (mg.sqrt, [LINE + 1], [(0, (0,))]),
    "expanded": (mg.relu, [np.broadcast_to(LINE, (2, 41))], [(0, (0, 20)), (0, (1, 20))]),
    "backwards": (mg.relu, [LINE[::-1]], [(0, (20,))]),
}


@both_modes
@pytest.mark.parametrize("name", KINKS)
def test_points_on_kinks_are_moved_and_named(name, fast_mode):
    f, arrays, places = KINKS[name]
    xs = [mg.as_tensor(x).requires_grad_() for x in arrays]
    found = mg.gradcheck(f, xs, fast_mode=fast_mode)
    assert found
    assert list(found.moved) == places
    assert f"{len(places)} of {found.points} points moved off kinks: input " in repr(found)
    for x, array in zip(xs, arrays, strict=True):
        assert x.data is array
        assert np.isfinite(array).all()


@both_modes
@pytest.mark.parametrize("f", [mg.relu, mg.abs, lambda x: mg.relu(x) * x, lambda x: mg.clamp(x, 0) * x])
def test_a_gradient_that_jumps_is_moved_off_in_second_derivatives(f, fast_mode):
    found = mg.gradgradcheck(f, leaf(LINE), fast_mode=fast_mode)
    assert found
    assert found.moved == ((0, (20,)),)


@both_modes
@pytest.mark.parametrize("distance", [1e-9, 1e-7, 1 / 3 * 1e-6, 0.5e-6, 2 / 3 * 1e-6, 0.9e-6, 0.99e-6])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_kink_anywhere_within_reach_of_the_difference_is_noticed(sign, distance, fast_mode):
    found = mg.gradcheck(mg.relu, leaf(LINE + sign * distance), fast_mode=fast_mode)
    assert found
    assert found.moved == ((0, (20,)),)


@both_modes
def test_even_the_smallest_jump_is_noticed(fast_mode):
    found = mg.gradcheck(lambda x: mg.nn.functional.softplus(x, 100.0), leaf(LINE + 0.1), fast_mode=fast_mode)
    assert found.moved == ((0, (22,)),)  # from 20 on, x itself stands for ln(1 + e^x): 2e-9 less


def test_a_kink_out_of_reach_is_left_alone():
    assert mg.gradcheck(mg.relu, leaf(LINE + 1e-4)).moved == ()


@both_modes
@pytest.mark.parametrize(
    "f",
    [lambda x: 1e4 * x**2, lambda x: mg.sin(1000 * x), lambda x: mg.exp(30 * x), lambda x: 1 / (x + 1.01),
     lambda x: 1e3 * mg.sigmoid(10 * x), lambda x: mg.sqrt(x + 1.01), lambda x: 1000 + 30 * x**2],
)  # fmt: skip
def test_no_bend_however_sharp_is_taken_for_a_kink(f, fast_mode):
    x = leaf(np.r_[LINE, 0.0123])
    assert repr(mg.gradcheck(f, x, fast_mode=fast_mode)) == "True"


@both_modes
@pytest.mark.parametrize(("kinks", "points"), [(1, 20), (2, 40), (5, 100)])
def test_five_percent_of_the_points_may_be_moved_and_no_more(kinks, points, fast_mode):
    x = np.linspace(0.5, 1, points)
    x[:kinks] = 0
    assert len(mg.gradcheck(mg.relu, leaf(x), fast_mode=fast_mode).moved) == kinks
    x[kinks] = 0
    with pytest.raises(
        mg.GradcheckError, match=rf"differ at more than 5% of the {points} points: input 0 \[0\], input"
    ):
        mg.gradcheck(mg.relu, leaf(x), fast_mode=fast_mode)
    assert not mg.gradcheck(mg.relu, leaf(x), raise_exception=False, fast_mode=fast_mode)


def test_points_of_all_inputs_count_together():
    other = leaf(np.linspace(0.5, 1, 19))
    found = mg.gradcheck(lambda x, y: (mg.relu(x), y * y), (leaf([0.0]), other))
    assert (found.points, found.moved) == (20, ((0, (0,)),))


def ramp(slope_right, slope_left):
    """max(x, 0) by an operation that takes its slopes for these."""

    @primitive(x=lambda gy, x: gy * mg.where(x > 0, slope_right, slope_left))
    def ramp(k, x):
        return k.maximum(x, 0.0)

    return ramp


@both_modes
def test_a_kink_hides_no_wrong_gradient(fast_mode):
    x = leaf(np.r_[0.0, -np.ones(30)])  # the only place where the slope is wrong is the one that has to be moved
    assert mg.gradcheck(ramp(1.0, 0.0), x, fast_mode=fast_mode).moved == ((0, (0,)),)
    with pytest.raises(mg.GradcheckError, match=r"ramp: .* Moved off kinks: input 0 \[0\]\.$"):
        mg.gradcheck(ramp(1.0 + 1e-4, 0.0), x, fast_mode=fast_mode)


@both_modes
@pytest.mark.parametrize("slopes", [(1.0, 1e-4), (1 - 1e-4, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_a_gradient_wrong_on_one_side_of_a_kink_is_found(slopes, fast_mode):
    assert not mg.gradcheck(ramp(*slopes), leaf(LINE), raise_exception=False, fast_mode=fast_mode)


@both_modes
def test_a_function_that_is_nowhere_smooth_is_refused(fast_mode):
    @primitive(x=lambda gy: gy)
    def sawtooth(k, x):
        return k.asarray(np.abs(np.sin(x * 1e9)) * 1e-6)

    found = mg.gradcheck(sawtooth, leaf(LINE), raise_exception=False, fast_mode=fast_mode)
    assert not found
    assert "differ" in found.error


@both_modes
def test_moving_is_deterministic_and_draws_from_no_stream(fast_mode):
    seen = []

    def f(x):
        seen.append(x.detach().numpy().copy())
        return mg.relu(x)

    for seed in range(2):
        np.random.seed(seed)  # noqa: NPY002  (the global state that must not matter)
        mg.manual_seed(seed)
        assert mg.gradcheck(f, leaf(LINE), fast_mode=fast_mode)
    half = len(seen) // 2
    assert all(np.array_equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))
    assert 1e-4 < np.abs(seen[-1] - LINE)[20] < 0.1
