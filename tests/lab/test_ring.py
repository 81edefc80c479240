"""The plane: arrows and densities against other ways to compute them, and the experiment in a small form."""

import dataclasses
import io
import math
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import expit

import minigan as mg
from minigan import lab, nn
from minigan.data import grid as grid_mixture
from minigan.data import ring as ring_mixture
from minigan.errors import ConfigError
from minigan.gan import LOSSES, get_loss
from minigan.lab.experiments import ring_fields as fields
from minigan.lab.experiments.ring import AT_EQUILIBRIUM, WITH_BEST_D, History, moments_of, ring
from minigan.lab.page import Canvas, Dots, Heat, Path, arrows, panel
from minigan.lab.pages import ring as ring_page
from minigan.ops.random import stream

pytestmark = pytest.mark.slow

MIXTURE = ring_mixture(std=0.05)
VIEW = fields.View.of(MIXTURE)
ON_LOGITS = [name for name, output in LOSSES if output == "logit"]
RNG = np.random.default_rng(0)
FAKES, REAL = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2))


@pytest.fixture
def D():
    """A smooth network of double precision."""
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)).double()


@pytest.fixture(scope="module")
def small():
    return ring(steps=40, repeats=2)


# ---- arrows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ON_LOGITS)
def test_arrows_are_the_slope_of_the_loss_by_finite_differences(name, D):
    loss, h = get_loss(name), 1e-6

    def cost(fakes):
        return len(fakes) * loss.generator(D(mg.tensor(fakes)), D(mg.tensor(REAL))).item()

    slopes = np.zeros_like(FAKES)
    for i, j in np.ndindex(FAKES.shape):
        step = np.zeros_like(FAKES)
        step[i, j] = h
        slopes[i, j] = (cost(FAKES + step) - cost(FAKES - step)) / (2 * h)
    np.testing.assert_allclose(fields.arrows(D, loss, FAKES, REAL), -slopes, atol=1e-8)


def test_arrows_of_the_two_losses_of_2014_differ_by_the_factor_exp_of_minus_s(D):
    s = D(mg.tensor(FAKES)).detach().numpy()
    weak, strong = (fields.arrows(D, get_loss(name), FAKES, REAL) for name in ("minimax", "non-saturating"))
    np.testing.assert_allclose(strong, np.exp(-s) * weak, rtol=1e-12)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_along_its_arrows_a_loss_falls_as_fast_as_they_are_long_and_along_no_other_ways(name, D):
    loss = get_loss(name)
    ways = fields.arrows(D, loss, FAKES, REAL)
    lengths = np.hypot(*ways.T)
    assert fields.descent(D, loss, FAKES, REAL, ways) == pytest.approx(lengths.mean(), rel=1e-7)
    turned = ways @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert fields.descent(D, loss, FAKES, REAL, turned) == pytest.approx(0.8 * lengths.mean(), rel=1e-7)


def test_arrows_that_are_no_gradient_are_found(small):
    def checks(change):
        moments = [
            dataclasses.replace(moment, arrows={name: change(x) for name, x in moment.arrows.items()})
            for moment in small.moments
        ]
        checks = ring_page.page(dataclasses.replace(small, moments=moments)).checks
        return [check.holds for check in checks if "how fast G's loss falls" in check.name]

    assert checks(lambda x: x) == [True] * len(small.pull)
    assert checks(lambda x: 1.001 * x) == [False] * len(small.pull)


def test_arrows_leave_no_gradient_in_D(D):
    fields.arrows(D, get_loss("minimax"), FAKES, REAL)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in D.parameters())


def test_the_pull_of_each_loss_is_its_derivative():
    s = np.linspace(-5, 5, 21)
    exact = {
        "minimax": expit(s),
        "non-saturating": expit(-s),
        "least-squares": 1 - s,
        "wasserstein": np.ones(21),
        "hinge": np.ones(21),
        "relativistic": expit(-s),
    }
    for name, expected in exact.items():
        np.testing.assert_allclose(fields.pull(get_loss(name), s), expected, atol=1e-14, err_msg=name)


# ---- densities -------------------------------------------------------------------------------------------


def test_the_kernel_density_is_the_mean_of_gaussians_and_integrates_to_one():
    points = MIXTURE.sample(50)[0]
    found = fields.kernel_density(points, VIEW)
    kernels = [stats.multivariate_normal(point, VIEW.cell**2).pdf(VIEW.points) for point in points]
    np.testing.assert_allclose(found.ravel(), np.mean(kernels, 0), rtol=1e-9, atol=1e-300)
    assert VIEW.total(found) == pytest.approx(1, abs=1e-7)


def test_the_blurred_density_is_that_of_real_points_with_noise():
    p = fields.blurred(MIXTURE, VIEW)
    assert VIEW.total(p) == pytest.approx(1, abs=1e-9)
    wide = [stats.multivariate_normal(c, 0.05**2 + VIEW.cell**2).pdf(VIEW.points) for c in MIXTURE.centres]
    np.testing.assert_allclose(p.ravel(), np.mean(wide, 0), rtol=1e-9)
    estimate = fields.kernel_density(MIXTURE.sample(100_000)[0], VIEW)
    assert np.abs(estimate - p).max() < 0.03 * p.max()


def test_the_best_D_is_a_half_where_densities_agree_and_not_known_where_nothing_comes():
    p = fields.blurred(MIXTURE, VIEW)
    best = fields.best_D(p, p, VIEW, count=1000)
    known = ~np.isnan(best)
    assert np.all(best[known] == 0.5)
    distances = np.linalg.norm(VIEW.points[:, np.newaxis] - MIXTURE.centres, axis=2).min(1).reshape(p.shape)
    assert known[distances < 0.1].all()
    assert not known[distances > 0.35].any()
    q = fields.kernel_density(np.zeros((1000, 2), np.float32), VIEW)
    apart = fields.best_D(p, q, VIEW, count=1000)
    assert np.nanmax(np.abs(apart - np.round(apart))) < 1e-9  # fakes at 0, far from all modes: 0 or 1


def test_no_D_has_a_larger_value_than_the_best_one():
    p = fields.blurred(MIXTURE, VIEW)
    q = fields.kernel_density(MIXTURE.sample(500)[0] * np.float32(0.9), VIEW)
    reachable = fields.reachable_value(p, q, VIEW)
    discrete = jensenshannon(p.ravel(), q.ravel()) ** 2
    assert reachable == pytest.approx(2 * discrete - math.log(4), abs=1e-6)
    logits = np.log(p) - np.log(np.maximum(q, 1e-300))
    assert fields.value(logits, p, q, VIEW) == pytest.approx(reachable, abs=1e-9)
    for shift in (-0.1, 0.1):
        assert fields.value(logits + shift, p, q, VIEW) < reachable - 1e-4
    assert fields.value(0 * p, p, q, VIEW) == pytest.approx(-math.log(4), abs=1e-6)
    assert fields.reachable_value(p, p, VIEW) == pytest.approx(-math.log(4), abs=1e-9)


def test_as_many_z_lie_between_two_lines_as_between_any_others():
    shares = np.diff(stats.norm.cdf(fields.lattice(9)), axis=1)[..., 0]
    np.testing.assert_allclose(shares, (1 - 2 * fields.EDGE) / 8, rtol=1e-12)


# ---- the experiment --------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3, 50, 3000])
def test_moments_go_from_the_first_to_the_last_step_and_are_closer_together_at_the_beginning(steps):
    moments = moments_of(steps)
    assert (moments[0], moments[-1]) == (0, steps)
    gaps = np.diff(moments)
    assert gaps.min() >= 1
    assert gaps[0] <= gaps[-1]


def test_the_games_at_rest_pay_what_their_losses_say():
    for name, (rest_D, rest_G) in AT_EQUILIBRIUM.items():
        loss, s = get_loss(name), mg.full((4, 1), 0.5 if name == "least-squares" else 0.0)
        assert loss.discriminator(s, s).item() == pytest.approx(rest_D, abs=1e-6)
        if rest_G is not None:
            assert loss.generator(s, s).item() == pytest.approx(rest_G, abs=1e-6)
    assert set(AT_EQUILIBRIUM) == set(ON_LOGITS)


@pytest.mark.parametrize("spread", [0.05, 0.25])
def test_the_best_D_is_that_of_fakes_whose_density_is_known(spread):
    """Fakes from a Gaussian around (0.7, 0): blurred it stays one, and p / (p + q) is known."""
    q = stats.multivariate_normal([0.7, 0], spread**2 + VIEW.cell**2).pdf(VIEW.points).reshape(fields.CELLS, -1)
    fakes = ([0.7, 0] + spread * np.random.default_rng(1).normal(size=(100_000, 2))).astype(np.float32)
    p, estimate = fields.blurred(MIXTURE, VIEW), fields.kernel_density(fakes, VIEW)
    seen = p + q > 0.3  # the estimate of q there is within some percent
    np.testing.assert_allclose(fields.best_D(p, estimate, VIEW, len(fakes))[seen], (p / (p + q))[seen], atol=0.05)
    exact = -math.log(4) + 2 * jensenshannon(p.ravel(), q.ravel()) ** 2
    assert fields.reachable_value(p, estimate, VIEW) == pytest.approx(exact, abs=0.005)


def test_the_value_is_that_of_the_heat_map_of_D_at_the_points_that_are_drawn(small):
    def on(points, D):
        column, row = np.clip(((points + small.half) / small.bandwidth).astype(int), 0, fields.CELLS - 1).T
        return D[row, column]

    for moment in small.moments:
        inside = np.abs(moment.fakes).max(1) < small.half  # the value is an integral over the square
        parts = np.log(on(small.real, moment.D)), inside * np.log(1 - on(moment.fakes, moment.D))
        chance = math.hypot(*(part.std() / len(part) ** 0.5 for part in parts))
        assert moment.value == pytest.approx(sum(part.mean() for part in parts), abs=4 * chance + 0.005)


def test_a_new_D_says_a_half_and_the_best_one_knows_all_fakes(small):
    first = small.moments[0]
    assert np.abs(first.D - 0.5).max() < 0.1
    assert first.reachable > -0.01  # they lie far from all modes
    assert len(small.training.loss_D) == len(small.training.loss_G) == 40
    assert [moment.step for moment in small.moments] == moments_of(40) == small.training.steps


def test_fakes_move_from_moment_to_moment_and_are_counted(small):
    first, last = small.moments[0], small.moments[-1]
    assert np.hypot(*first.fakes.T).mean() < 0.3 < np.hypot(*last.fakes.T).mean()
    assert last.modes.counts.sum() == round(last.modes.high_quality * 2500)
    assert small.training.modes[-1].modes == last.modes.modes


def test_a_repeat_is_the_training_of_its_seed_whether_it_is_looked_at_or_not(small):
    again = ring(steps=40, seed=1, repeats=1)
    np.testing.assert_array_equal(small.repeats[0].loss_G, again.training.loss_G)
    assert again.training.loss_G[-1] != small.training.loss_G[-1]


def test_the_random_streams_are_left_as_they_were():
    mg.manual_seed(5)
    mg.rand(3)
    before = stream.seed, stream.step, stream.site
    ring(steps=2, repeats=1)
    assert (stream.seed, stream.step, stream.site) == before


@pytest.mark.parametrize("loss", ON_LOGITS)
def test_every_loss_can_be_trained_and_has_a_page(loss, tmp_path):
    data = ring(loss=loss, arrows=("minimax",), steps=3, repeats=1)
    assert (data.moments[0].best is not None) == (loss in WITH_BEST_D)
    assert list(data.pull) == list(dict.fromkeys(["minimax", loss]))
    assert lab.EXPERIMENTS["ring"].page(data).checks


def test_smooth_curves_are_means_of_windows_and_late_losses_those_of_the_last_tenth():
    losses = np.arange(1000.0)
    history = History(0, losses, 2 * losses, steps=[], modes=[])
    assert len(history.smooth_D) == 300
    np.testing.assert_allclose(history.smooth_steps, history.smooth_D + 1)  # of a straight line: its middles
    np.testing.assert_allclose(history.smooth_G, 2 * history.smooth_D)
    assert history.late == (949.5, 1899)
    assert History(0, losses[:3], losses[:3], [], []).smooth_steps.tolist() == [1, 2, 3]


def test_what_is_left_between_fakes_and_real_points_and_the_first_step_with_all_modes_are_told(small):
    first, last = small.moments[0], small.moments[-1]
    assert first.distance == pytest.approx((first.reachable + math.log(4)) / 2)
    assert last.lengths["minimax"] == np.median(np.hypot(*last.arrows["minimax"].T))
    caught = dataclasses.replace(last.modes, modes=8)
    modes = [small.training.modes[0], caught, caught]
    assert dataclasses.replace(small.training, steps=[0, 5, 9], modes=modes).all_from == 5
    assert dataclasses.replace(small.training, modes=[first.modes] * len(small.moments)).all_from is None


def test_only_what_is_true_of_the_arrows_is_said_of_them(small):
    def captions(change):
        last = small.moments[-1]
        last = dataclasses.replace(
            last, arrows={name: change * x for name, x in last.arrows.items()}, outputs=change + 0 * last.outputs
        )
        return repr(ring_page.page(dataclasses.replace(small, moments=[*small.moments[:-1], last])).sections)

    short, long = captions(0.0), captions(100.0)
    for claim in ("Arrows become short", "falls once D flattens", "which no fake here reaches"):
        assert claim in short
        assert claim not in long


def test_why_D_is_softer_than_the_best_one_is_said_only_where_it_is(small):
    def caption(spread, r1_gamma=0.1):
        last = dataclasses.replace(small.moments[-1], D=0.5 + spread * (np.asarray(small.moments[-1].best) - 0.5))
        changed = dataclasses.replace(small, r1_gamma=r1_gamma, moments=[*small.moments[:-1], last])
        return repr(ring_page.page(changed).sections[0])

    assert "softer than those of <b>D*</b>: R1 makes D pay for its slope, and it has few steps" in caption(0.1)
    assert "softer than those of <b>D*</b>: it has few steps" in caption(0.1, r1_gamma=0.0)
    assert "softer" not in caption(1.1)


def test_what_only_earlier_runs_predict_is_not_laid_to_mathematics(small):
    by = {check.name: check.by for check in ring_page.page(small).checks}
    assert [name for name, source in by.items() if source == "earlier runs"] == [
        "modes caught at the end",
        "trainings that end with all modes",
        "loss of D at the end",
        "loss of G at the end",
    ]


def test_the_grid_is_seen_whole():
    data = ring(data="grid", modes=9, steps=2, repeats=1)
    np.testing.assert_array_equal(data.centres, grid_mixture(9).centres)
    assert data.half > np.abs(data.centres).max() + 3 * data.std
    assert data.real_modes.modes == data.moments[0].modes.of == 9


def test_its_folder_has_a_page_and_a_film(tmp_path):
    index = lab.write("ring", ring(steps=4, repeats=2), tmp_path)
    assert index.stat().st_size < 1 << 20
    with Image.open(tmp_path / "fakes.gif") as film:
        assert film.n_frames == 5
    assert {"D.png", "best-D.png", "warped.png", "losses.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "rnig"}, "^data: expected one of ring, grid, but got 'rnig' .Did you mean ring"),
        ({"data": "mixture-1d"}, "^data: expected one of ring, grid, but got 'mixture-1d'"),
        ({"data": "grid", "modes": 10}, "expected a square number of modes"),
        ({"modes": 0}, "^modes: expected a whole number from 1 to 100, but got 0"),
        ({"repeats": 0}, "^repeats: expected a whole number from 1 to 20, but got 0"),
        ({"std": 0.0}, "^std: expected a number from 0.001 to 1, but got 0.0"),
        ({"loss": "minmax"}, "^loss: expected one of .*Did you mean minimax"),
        ({"arrows": ("minimax", "hing")}, "^arrows: expected one of .*Did you mean hinge"),
        ({"arrows": "minimax"}, "^arrows: expected several values, but got 'minimax'"),
        ({"batch_size": 0}, "^batch_size: expected a whole number from 1 to 10,000, but got 0"),
        ({"steps": 10**30}, "^steps: expected a whole number from 1 to 100,000"),
        ({"r1_gamma": -1.0}, "^r1_gamma: expected a number from 0 to 1000, but got -1.0"),
        ({"lr": math.nan}, "^lr: expected a number above 0 and at most 1, but got nan"),
        ({"seed": -1}, "^seed: expected a whole number from 0"),
    ],
)
def test_options_out_of_range_are_refused_in_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message):
        ring(**options)


# ---- what is drawn ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def canvas():
    return Canvas(*panel(xlim=(-2, 2), ylim=(-2, 2), aspect="equal"))


def test_dots_are_where_a_line_through_them_would_be(canvas):
    points = np.array([[0.5, 1.0], [-1.5, 0.25]])
    line = Path(points).svg(canvas).split('"')[1].split()
    assert [f"M{place}h0" in Dots(points, "red").svg(canvas) for place in line] == [True, True]


def test_an_arrow_ends_where_its_vector_does_and_its_barbs_lie_on_either_side():
    ((tail, tip, left, _, right),) = arrows(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), "red").points
    np.testing.assert_array_equal([tail, tip], [[1, 2], [4, 6]])
    sides = [np.linalg.det([tip - tail, barb - tip]) for barb in (left, right)]
    assert sides[0] == pytest.approx(-sides[1])
    assert (left - tip) @ (tip - tail) < 0


def test_a_heat_map_is_one_pixel_a_cell_from_below_and_clear_where_nothing_is_known(canvas):
    svg = Heat(np.array([[0.0, 1.0], [np.nan, 0.5]]), 1.0, "PuOr", 0.0, 1.0).svg(canvas)
    content = svg.split("base64,")[1].split('"')[0]
    pixels = np.asarray(Image.open(io.BytesIO(b64decode(content))).convert("RGBA")).astype(int)
    assert pixels.shape == (2, 2, 4)
    assert pixels[..., 3].tolist() == [[0, 255], [255, 255]]
    low, high = pixels[1, 0], pixels[1, 1]  # orange, and purple
    assert low[0] > low[2]
    assert high[2] > high[0]
    assert pixels[0, 1, :3].min() > 235


def test_what_is_returned_cannot_be_changed(small):
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.loss = "minimax"
