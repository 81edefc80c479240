"""`minigan lab step`: what is shown of a training step, against closed forms, other sweeps and finite differences."""

import json
import math
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan import lab, nn
from minigan.gan import Batch, build_game, load_preset
from minigan.lab.experiments import step_slopes, step_toy
from minigan.lab.experiments.step_file import MODULE
from minigan.lab.experiments.step_record import Backward, Forward
from minigan.lab.experiments.step_tape import CUT, DATA, FROZEN, read
from minigan.lab.pages.step import page as page_of_step
from minigan.lab.pages.step_graph import Graph
from minigan.lab.pages.step_picture import picture
from minigan.lab.pages.step_plan import gradient_text, value_text
from minigan.lab.pages.step_replay import Replay, title
from minigan.lab.pages.step_toy import PROGRAM
from minigan.lab.pages.step_words import texts
from minigan.lab.repeatable import repeatable
from minigan.nn import functional as F
from minigan.observers.observer import Observer
from minigan.ops.random import fork_rng
from minigan.tape import primitive


@pytest.fixture(scope="module")
def toy():
    return step_toy.toy()


@pytest.fixture(scope="module")
def step():
    """The whole experiment, with little training."""
    with fork_rng():
        return lab.step(steps=3, batch_size=8)


def by_title(tape):
    return {title(box): box for box in tape.boxes}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- the small GAN, worked by hand -----------------------------------------------------------------------


def hand_D(x, u, c, v, d):
    """The logit, and its gradient with respect to everything, with NumPy alone."""
    a = u * x + c
    slope = np.where(a > 0, 1.0, 0.2)
    s = v @ (a * slope) + d
    return s, {"u": v * slope * x, "c": v * slope, "v": a * slope, "d": 1.0, "x": (v * slope) @ u}


def test_all_gradients_of_the_small_gan_are_those_of_the_chain_rule_by_hand(toy):
    u, c, v, d = np.array([2.0, -1.0]), np.array([-0.5, 0.2]), np.array([1.0, 0.5]), -0.6
    x = math.tanh(1.2 * 0.5 - 0.1)
    real, on_real = hand_D(0.9, u, c, v, d)
    fake, on_fake = hand_D(x, u, c, v, d)
    total = {k: (sigmoid(real) - 1) * on_real[k] + sigmoid(fake) * on_fake[k] for k in "ucvd"}
    shown = by_title(toy.turn_D)
    for name, k in (("D.0.weight", "u"), ("D.0.bias", "c"), ("D.2.weight", "v"), ("D.2.bias", "d")):
        assert np.allclose(shown[name].gradient.numbers.ravel(), total[k], rtol=1e-12, atol=0)

    s, after = hand_D(x, u - 0.5 * total["u"], c - 0.5 * total["c"], v - 0.5 * total["v"], d - 0.5 * total["d"])
    signal = (sigmoid(s) - 1) * after["x"]
    shown = by_title(toy.turn_G)
    assert shown["G.1 tanh"].gradient.numbers.item() == pytest.approx(signal, rel=1e-12)
    assert shown["G.0.bias"].gradient.numbers.item() == pytest.approx(signal * (1 - x * x), rel=1e-12)
    assert shown["G.0.weight"].gradient.numbers.item() == pytest.approx(signal * (1 - x * x) * 0.5, rel=1e-12)
    assert toy.measured["signal"] == pytest.approx(toy.by_hand["signal"], rel=1e-13)


def test_the_program_on_the_page_prints_the_signal_that_the_page_shows(toy, capsys):
    exec(PROGRAM, {})
    assert capsys.readouterr().out == f"the signal: {np.array([[toy.measured['signal']]])}\n"


@pytest.mark.torch
def test_the_signal_of_the_small_gan_is_pytorchs(toy):
    import torch

    tensors = {move.name: torch.tensor(move.after, dtype=torch.float64) for move in toy.moves if move.name[0] == "D"}
    x = torch.tensor(toy.fake[0], dtype=torch.float64, requires_grad=True)
    hidden = [
        torch.nn.functional.leaky_relu(tensors[f"D.0.weight[{j}, 0]"] * x + tensors[f"D.0.bias[{j}]"], 0.2)
        for j in (0, 1)
    ]
    logit = sum(tensors[f"D.2.weight[0, {j}]"] * hidden[j] for j in (0, 1)) + tensors["D.2.bias"]
    torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.ones_like(logit)).backward()
    assert toy.measured["signal"] == pytest.approx(x.grad.item(), rel=1e-12)


# ---- gradients -------------------------------------------------------------------------------------------


def test_every_gradient_agrees_with_a_measured_slope(step):
    for tape in (step.toy.turn_D, step.toy.turn_G, step.digits.turn_D, step.digits.turn_G):
        checked = [box for box in tape.boxes if box.slope is not None]
        assert len(checked) == sum(box.gradient is not None for box in tape.boxes) > 5
        assert max(box.slope.error_repeated for box in checked) < 1e-6
        assert max(box.slope.rounding for box in checked) < 1e-5
    for turn in ("turn_D", "turn_G"):
        assert max(getattr(step.toy, turn).errors) < 1e-6
        assert max(getattr(step.digits, turn).errors) < 1e-5


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm", "instance_norm"])
def test_a_normalisation_is_followed_to_its_statistics(name):
    """The tape has no edge for them; gradcheck, which knows nothing of the tape, says that the gradient is right."""
    settings = {"batch_norm": (None, None, None, None, True), "layer_norm": ((3,),), "instance_norm": ()}[name]
    numbers = [[[1.0, 2.0, 4.0], [3.0, 5.0, 1.0]], [[0.0, 1.0, 7.0], [2.0, 0.5, 3.0]]]

    def f(x=np.array(numbers)):  # noqa: B008
        return (getattr(F, name)(x, *settings) ** 3).sum()

    assert mg.gradcheck(f, mg.tensor(np.array(numbers), requires_grad=True))
    slopes = [box.slope for box in lab.step(f).function.tape.boxes if box.slope is not None]
    assert len(slopes) >= 3
    assert max(slope.error for slope in slopes) < 1e-6


@pytest.mark.parametrize(("dtype", "wrong"), [("float64", 1.00001), ("float32", 1.001), ("float32", 2.0)])
def test_a_wrong_gradient_is_found(dtype, wrong):
    value = np.array([0.3, -0.7], dtype)

    def f(x=value, factor=wrong):
        y = x * x
        y.register_hook(lambda gy: gy * float(factor))
        return y.sum()

    def right(x=value):
        return (x * x).sum()

    found = lab.step(f)
    slopes = [box.slope for box in found.function.tape.boxes if box.slope is not None]
    assert max(slope.error for slope in slopes) == pytest.approx(wrong - 1, rel=1e-2)
    assert max(slope.error_repeated for slope in slopes) < 1e-6  # no hook runs there: this gradient is right
    of_shown, *of_repeated = page_of_step(found).checks
    assert not of_shown.holds
    assert all(check.holds for check in of_repeated)
    assert all(check.holds for check in page_of_step(lab.step(right)).checks)


def test_a_gradient_that_is_no_number_is_found():
    def f(x=[0.3, -0.7]):  # noqa: B006
        y = x * x
        y.register_hook(lambda gy: gy * float("nan"))
        return (y * 1).sum()

    of_shown, _ = page_of_step(lab.step(f)).checks
    assert not of_shown.holds


def test_another_direction_is_tried_where_a_kink_is_near():
    def f(x=np.array([3e-8, 1.0])):  # noqa: B008
        return mg.relu(x).sum()

    tape = lab.step(f).function.tape
    assert not any(box.slope.not_checked for box in tape.boxes)
    assert max(box.slope.tries for box in tape.boxes) > 1
    assert max(tape.errors) < 1e-6
    assert any("a kink was too near" in text.html for text in texts(Replay(tape), ""))


# ---- gradients that cannot be checked --------------------------------------------------------------------


def slopes_of(f):
    """By the names of the values."""
    return {box.name: box.slope for box in lab.step(f).function.tape.boxes if box.slope is not None}


def relu_at_0(x=[0.0, 1.0, -2.0]):  # noqa: B006
    return mg.relu(x).sum()


def abs_at_0(x=[0.0]):  # noqa: B006
    return mg.abs(x).sum()


def tie(x=[1.0, 1.0, 0.5]):  # noqa: B006
    return mg.max(x)


def kink_of_second_order(x=[0.0, 2.0]):  # noqa: B006
    """Smooth, but for a slope that bends sharply: there is nothing to refuse."""
    return (mg.relu(x) ** 2).sum()


def root_at_0(x=[0.0, 4.0]):  # noqa: B006
    return mg.sqrt(x).sum()


def log_of_less_than_0(x=[-1.0, 2.0]):  # noqa: B006
    return mg.log(x).sum()


def too_large(x=[1000.0]):  # noqa: B006
    return mg.exp(x).sum()


@pytest.mark.parametrize(
    ("f", "reasons"),
    [
        (relu_at_0, {"x": step_slopes.KINK}),
        (abs_at_0, {"x": step_slopes.KINK}),
        (tie, {"x": step_slopes.KINK}),
        (root_at_0, {"x": step_slopes.NOT_FINITE_NEARBY}),
        (log_of_less_than_0, dict.fromkeys(("x", "log", "sum"), step_slopes.NOT_FINITE)),
        (too_large, dict.fromkeys(("x", "exp", "sum"), step_slopes.NOT_FINITE)),
        (kink_of_second_order, {}),
    ],
)
def test_where_there_is_no_slope_nothing_is_said_to_fail(f, reasons, tmp_path):
    assert {name: slope.not_checked for name, slope in slopes_of(f).items() if slope.not_checked} == reasons
    index = lab.write("step", lab.step(f), tmp_path)
    told = json.loads((tmp_path / "lab.json").read_text())
    assert all(check["holds"] for check in told["checks"])
    shown = {box["name"]: box["slope"] for box in told["data"]["function"]["tape"]["boxes"]}
    for name, slope in shown.items():
        assert (slope["measured"] is None) == (slope["error"] is None) == (name in reasons)
        assert slope["not_checked"] == reasons.get(name, "")
    page, held = index.read_text(encoding="utf-8"), page_of_step(lab.step(f))
    for reason in reasons.values():
        assert f"Not checked:</b> {reason}." in page or f"Not checked: {reason}." in page
        assert held.found == f"{len(reasons)} of {len(shown)} gradients not checked ({', '.join(reasons)}): {reason}."
    counted = [check.name for check in held.checks if f"({len(reasons)} more not checked)" in check.name]
    assert len(counted) == (0 < len(reasons) < len(shown))


def test_a_functions_own_wrong_vjp_is_found_beside_a_kink():
    """Of cube the wrong rule is told; of relu at 0, that there is no slope."""
    cube = primitive(x=lambda gy, x: gy * x * x * 2)(lambda backend, x: x**3)

    def f(x=[2.0], at_kink=[0.0, 1.0]):  # noqa: B006
        return cube(x).sum() + mg.relu(at_kink).sum()

    found = lab.step(f)
    slopes = {box.name: box.slope for box in found.function.tape.boxes if box.slope is not None}
    assert slopes["x"].error == pytest.approx(1 / 3, rel=1e-6)  # 2 x^2 in place of 3 x^2
    assert slopes["at_kink"].not_checked == step_slopes.KINK
    assert [check.holds for check in page_of_step(found).checks] == [False, False]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_vjp_that_gives_no_number_where_the_loss_is_smooth_is_found(wrong):
    bad = primitive(x=lambda gy, x: gy * wrong)(lambda backend, x: x * 2.0)

    def f(x=[0.3, -0.7]):  # noqa: B006
        return bad(x).sum()

    assert not slopes_of(f)["x"].not_checked
    assert not any(check.holds for check in page_of_step(lab.step(f)).checks)


@pytest.mark.parametrize("at", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_kink_is_seen_at_every_scale_and_no_curve_is_taken_for_one(at, scale):
    def kink(x=np.array([at, 2 * at])):  # noqa: B008
        return (mg.abs(x - at) * scale).sum()

    def curve(x=np.array([at, 2 * at])):  # noqa: B008
        return (mg.sin(3 * x / at) * scale).sum()

    assert slopes_of(kink)["x"].not_checked == step_slopes.KINK
    assert not any(slope.not_checked for slope in slopes_of(curve).values())
    assert max(slope.error for slope in slopes_of(curve).values()) < 1e-6


def test_the_signal_is_the_gradient_of_the_loss_at_the_fake(step):
    """The same step again, without an observer, by another sweep."""
    loss, signal = G_turn_without_observer(steps=3, batch_size=8)
    assert np.array_equal(step.digits.signals, signal.numpy()[:6, 0])
    assert step.digits.loss_G == loss.item()
    ((fake, _),) = step.digits.turn_G.handed_over
    assert step.digits.turn_G.boxes[fake].gradient.size == pytest.approx(np.linalg.norm(signal.numpy()), rel=1e-6)


@repeatable
def G_turn_without_observer(steps, batch_size):
    game, real = trained(steps, batch_size)
    mg.set_step(steps)
    z = game.noise.draw(batch_size)
    fakes = Batch(game.generator.network(z))
    game.differentiate_D(real, fakes)
    game.move_D()
    loss = game.cost_G(real, fakes)[0]
    return loss, *mg.grad(loss, fakes.images)


def trained(steps, batch_size):
    images, _ = mg.data.load_mnist()
    loader = mg.data.Loader(images, batch_size=batch_size)
    game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    mg.manual_seed(0)
    for i in range(steps):
        mg.set_step(i)
        game.step(mg.as_tensor(loader.batch(i)))
    return game, Batch(mg.as_tensor(loader.batch(steps)))


def test_the_gradient_of_a_logit_is_d_minus_1_over_n(step):
    digits = step.digits
    assert np.allclose(digits.logit_gradients, (digits.opinions - 1) / 8, rtol=1e-5, atol=0)


def test_the_loss_changes_as_the_signal_says(step):
    """To first order: after so little training, G's move is small."""
    digits = step.digits
    assert digits.change_of_loss == pytest.approx(digits.slope_of_loss, rel=0.2)
    assert digits.slope_of_loss < 0
    assert (digits.cosines > 0.2).all()


# ---- what is skipped -------------------------------------------------------------------------------------


class Counting(Observer):
    """The kernels of a sweep, by their names."""

    def __init__(self):
        self.sent_along, self.passed_through = 0, 0

    def passing(self, node, gy):
        self.passed_through += 1

    def sent(self, node, edge, gy, gx):
        self.sent_along += 1


def test_exactly_the_gradients_that_nobody_needs_are_skipped(step):
    skipped_D = [(title(step.digits.turn_D.boxes[i]), a.name, a.why_not) for i, a in step.digits.turn_D.skipped]
    assert sorted(skipped_D) == sorted(
        [("bce", "target", DATA)] * 2 + [(f"D.{i} mask", "mask", DATA) for i in (3, 6, 9)] + [("D.1 linear", "x", CUT)]
    )
    skipped_G = [(title(step.digits.turn_G.boxes[i]), a.name, a.why_not) for i, a in step.digits.turn_G.skipped]
    assert sorted(skipped_G) == sorted(
        [("bce", "target", DATA), ("G.0 linear", "x", DATA)]
        + [(f"D.{i} mask", "mask", DATA) for i in (3, 6, 9)]
        + [(f"D.{i} linear", name, FROZEN) for i in (1, 4, 7, 10) for name in ("weight", "bias")]
    )


def test_as_many_vjps_run_as_are_shown(step):
    with fork_rng():
        game, real = trained(steps=3, batch_size=8)
        mg.set_step(3)
        fakes = game.generate(real)
        for tape, play in (
            (step.digits.turn_D, game.differentiate_D),
            (step.digits.turn_G, game.differentiate_G),
        ):
            with Counting() as counted:
                play(real, fakes)
            shown = sum(a.sent is not None for box in tape.boxes for a in box.arguments)
            assert (counted.passed_through, counted.sent_along) == (len(tape.backward), shown)


def test_no_gradient_comes_to_g_in_ds_turn_nor_to_ds_parameters_in_gs(step):
    for part in (step.toy, step.digits):
        assert all(box.gradient is None for box in part.turn_D.boxes if box.player == "G")
        assert all(box.gradient is None for box in part.turn_G.boxes if box.player == "D" and box.kind == "parameter")
        assert all(
            box.gradient is not None for box in part.turn_D.boxes if box.kind == "parameter" and box.player == "D"
        )
        assert all(box.gradient is not None for box in part.turn_G.boxes if box.player == "G")


def test_what_is_cut_off_is_still_drawn_and_faded(toy):
    replay = Replay(toy.turn_D)
    assert {title(toy.turn_D.boxes[i]) for i in replay.beyond} == {
        "z", "G.0.weight", "G.0.bias", "G.0 linear", "G.1 tanh"
    }  # fmt: skip
    assert [link.cut for link in replay.links].count(True) == 1
    assert [link.signal for link in Replay(toy.turn_G).links].count(True) == 1


# ---- the replay ------------------------------------------------------------------------------------------


def test_the_replay_is_in_the_order_of_the_tape_and_of_the_sweep():
    a, b = mg.tensor([2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)
    seen, sweep = Forward(), Backward()
    with seen:
        y = mg.tanh(a * b) + mg.exp(a)
    with sweep:
        y.backward()
    tape = read(seen, sweep, y, {}, {"a": a, "b": b})
    assert [tape.boxes[i].name for i in tape.forward] == ["mul", "tanh", "exp", "add"]
    assert [tape.boxes[i].name for i in tape.backward] == ["add", "exp", "tanh", "mul"]
    replay = Replay(tape)
    assert len(replay.names) == 9
    (place,) = {link.source for link in replay.links if len([k for k in replay.links if k.source == link.source]) == 2}
    sums = [total.numbers.item() for _, total in replay.gradients[place]]  # e^a first, then what came through tanh
    assert sums == pytest.approx([math.exp(2), math.exp(2) + 3 * (1 - math.tanh(6) ** 2)], rel=1e-6)


def test_what_ran_but_does_not_lead_to_the_loss_is_left_out():
    def f(x=2.0):
        mg.exp(x)
        return x * x

    assert [box.name for box in lab.step(f).function.tape.boxes] == ["x", "mul"]


# ---- a user's function -----------------------------------------------------------------------------------


def test_the_gradients_of_a_function_are_those_of_grad():
    def f(x=[[1.0, 2.0]], w=[[0.5], [0.3]]):  # noqa: B006
        return (x @ w).tanh()

    x, w = mg.tensor([[1.0, 2.0]], requires_grad=True), mg.tensor([[0.5], [0.3]], requires_grad=True)
    gx, gw = mg.grad(f(x, w), (x, w))
    boxes = {box.name: box for box in lab.step(f).function.tape.boxes}
    assert np.array_equal(boxes["x"].gradient.numbers, gx.numpy())
    assert np.array_equal(boxes["w"].gradient.numbers, gw.numpy())


def test_several_results_are_summed_and_second_derivatives_followed():
    def f(x=[1.0, 2.0]):  # noqa: B006
        (dy,) = mg.grad((x**3).sum(), x, create_graph=True)
        return dy

    found = lab.step(f).function
    assert found.shape == (2,)
    assert found.tape.boxes[-1].name == "sum"
    (x,) = (box for box in found.tape.boxes if box.kind == "parameter")
    assert np.allclose(x.gradient.numbers, [6.0, 12.0])
    assert max(found.tape.errors) < 1e-6


def test_whole_numbers_are_data_and_words_are_settings():
    def f(x=[1.0], n=[2], how="twice", on=True):  # noqa: B006
        assert on is True
        return x * n if how == "twice" else x

    boxes = {box.name: box for box in lab.step(f).function.tape.boxes}
    assert boxes["x"].gradient.numbers.tolist() == [2.0]
    assert boxes["n"].kind == "data"


FILE = """
import minigan as mg
def good(x=[1.0, 2.0]): return (x * x).sum()
def none(x=1.0): return 3
def data(x=[1, 2]): return x * 2
def bare(x): return x
def fails(x=1.0): raise ValueError("no way")
def ragged(x=[[1.0], [1.0, 2.0]]): return x
def same(x=1.0): return x
def unhappy(x=1.0):
    y = x * 2
    y.register_hook(lambda gy: 1 / 0)
    return y * 2
def loop(x=1.0):
    for _ in range(201): x = x * 1.01
    return x
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "none: expected it to return a tensor, but got an object of type int."),
        ("data", "data: its result depends on no tensor that takes a gradient"),
        ("bare", "bare: parameter 'x' has no default"),
        ("fails", "fails raised ValueError: no way."),
        ("ragged", "ragged: expected the default of 'x' to be numbers"),
        ("same", "same: it returns its argument as it is"),
        ("loop", "loop ran 201 operations, and a page shows at most 200"),
        ("unhappy", "the backward pass of unhappy raised ZeroDivisionError"),
        ("goood", "mine.py has no function 'goood'. Did you mean good?"),
        ("xyz", "mine.py has no function 'xyz'. Known are bare, data, fails, good,"),
    ],
)
def test_a_function_that_cannot_be_shown_is_told_in_one_sentence(tmp_path, name, message):
    (tmp_path / "mine.py").write_text(FILE)
    with pytest.raises(mg.ConfigError) as error:
        lab.step(f"{tmp_path / 'mine.py'}:{name}")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


SCRIPT = """
from __future__ import annotations
from dataclasses import dataclass
import beside

@dataclass
class Point:
    x: float
    y: float = 2.0

def f(x=[1.0, 2.0]):
    from later import offset
    return (x * beside.factor * Point(1.0).y + offset).sum()

if __name__ == "__main__":
    raise SystemExit("it was not started as a script")
"""


def test_a_file_is_run_as_python_runs_a_script_and_leaves_nothing_behind(tmp_path):
    """Two folders with modules of the same names: each function gets its own neighbours."""
    path = list(sys.path)
    for folder, factor in (("a", 3.0), ("b", 5.0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(SCRIPT)
        (tmp_path / folder / "beside.py").write_text(f"factor = {factor}")
        (tmp_path / folder / "later.py").write_text("offset = 1.0")
        found = lab.step(f"{tmp_path / folder / 'mine.py'}:f").function
        assert found.tape.boxes[0].gradient.numbers.tolist() == [2 * factor] * 2
        assert found.source.startswith("def f(x=[1.0, 2.0]):")
    assert sys.path == path
    assert {"beside", "later", "mine", MODULE}.isdisjoint(sys.modules)


def test_a_file_that_fails_leaves_nothing_behind_either(tmp_path):
    (tmp_path / "mine.py").write_text("import beside, sys\nsys.path.append('elsewhere')\nraise ValueError('no')")
    (tmp_path / "beside.py").write_text("")
    path = list(sys.path)
    with pytest.raises(mg.ConfigError, match=r"running mine\.py raised ValueError: no\."):
        lab.step(f"{tmp_path / 'mine.py'}:f")
    assert sys.path == path
    assert "beside" not in sys.modules


def test_a_file_without_functions_says_so(tmp_path):
    (tmp_path / "mine.py").write_text("from math import tau\nfrom os.path import join\n")
    with pytest.raises(mg.ConfigError, match="has no function 'f'. It has no functions."):
        lab.step(f"{tmp_path / 'mine.py'}:f")


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:")
    for place, message in (
        (f"{tmp_path / 'absent.py'}:f", "^function: there is no file"),
        (str(tmp_path / "broken.py"), "^function: expected FILE.py:NAME"),
        (f"{tmp_path / 'broken.py'}:f", "raised SyntaxError"),
    ):
        with pytest.raises(mg.ConfigError, match=message):
            lab.step(place)
    for settings in ({"steps": -1}, {"batch_size": 0}, {"batch_size": 129}, {"seed": -1}):
        with pytest.raises(mg.ConfigError, match="expected a whole number from"):
            lab.step(**settings)
    with pytest.raises(mg.ConfigError, match="^function: expected a function, but got an object of type int"):
        lab.step(3)


# ---- the page --------------------------------------------------------------------------------------------


def test_the_page_is_written_and_every_prediction_holds(step, tmp_path):
    index = lab.write("step", step, tmp_path)
    assert index.stat().st_size < 8e6
    told = json.loads((tmp_path / "lab.json").read_text())
    assert all(check["holds"] for check in told["checks"])
    tapes = {f"{part}-turn-{player}.png" for part in ("toy", "digits") for player in "GD"}
    signals = {"signal-fake.png", "signal-gradient.png", "signal-change.png"}
    assert {file.name for file in tmp_path.glob("*.png")} == tapes | signals
    page = index.read_text(encoding="utf-8")
    assert page.count(">the signal</text>") == page.count("✂ detach()</text>") == 2


def test_the_picture_of_a_tape_shows_what_the_page_shows_where_the_page_shows_it(toy, tmp_path):
    """The same texts as the SVG, at the same places; and what is written as a file has the layout's size."""
    graph = Graph(Replay(toy.turn_G))
    (axes,) = picture(graph.plan).figure.axes
    drawn = {text.get_text(): text.get_position() for text in axes.texts}
    svg = graph.markup("s")
    for box in toy.turn_G.boxes:
        assert title(box) in drawn
        assert f">{title(box)}<" in svg
        assert value_text(box.value) in drawn
        if box.gradient is not None:
            x, y = drawn[gradient_text(box.gradient)]
            assert f'x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{gradient_text(box.gradient)}</text>' in svg
    assert "the signal" in drawn
    width, height = Image.open(BytesIO(graph.png())).size
    assert width == int(graph.plan.width / 96 * 200)
    assert height > int(graph.plan.height / 96 * 200)


def test_a_functions_tape_is_written_as_a_picture(tmp_path):
    def f(x=[0.5]):  # noqa: B006
        return x.tanh()

    lab.write("step", lab.step(f), tmp_path)
    assert [file.name for file in tmp_path.glob("*.png")] == ["function.png"]


def test_a_functions_page_shows_its_numbers_put_into_the_formulas(tmp_path):
    def f(x=[[1.0, 2.0]], w=[[0.5], [0.25]]):  # noqa: B006
        return (x @ w).sum()

    page = lab.write("step", lab.step(f), tmp_path).read_text(encoding="utf-8")
    assert "1 · 0.5 + 2 · 0.25 = 1" in page
    assert "def f(x=[[1.0, 2.0]]" in page


def test_the_same_seed_gives_the_same_numbers_and_leaves_the_generator_alone():
    mg.manual_seed(7)
    first = lab.step(steps=1, batch_size=2)
    drawn = mg.randn(3)
    mg.manual_seed(7)
    assert np.array_equal(drawn.numpy(), mg.randn(3).numpy())
    again = lab.step(steps=1, batch_size=2)
    assert np.array_equal(first.digits.signals, again.digits.signals)
    assert first.digits.turn_G.errors == again.digits.turn_G.errors


def test_dropped_units_stay_dropped_when_a_value_is_moved():
    def f(x=np.linspace(-1, 1, 16, dtype=np.float32)):  # noqa: B008
        return nn.functional.dropout(mg.exp(x), 0.5).sum()

    tape = lab.step(f).function.tape
    (exp,) = (box for box in tape.boxes if box.name == "exp")
    assert set(exp.gradient.numbers.tolist()) == {0.0, 2.0}
    assert max(tape.errors) < 1e-6


# ---- several precisions, and values that change ---------------------------------------------------------


def test_a_function_that_casts_down_is_checked_in_float64_and_judged_by_the_lower_precision():
    def linear(x=np.array([[1.0, 2.0], [3.0, 4.0]])):  # noqa: B008
        return nn.Linear(2, 3)(x.float()).sum()

    def cubed(x=np.array([0.3, -0.7])):  # noqa: B008
        return (x.float() ** 3).sum()

    def to_and_fro(x=np.array([0.3, -0.7])):  # noqa: B008
        return ((x.float() * x) ** 3).sum()

    for f in (linear, cubed, to_and_fro):
        found = lab.step(f)
        slopes = [box.slope for box in found.function.tape.boxes if box.slope is not None]
        assert {slope.precision for slope in slopes} == {"float32"}
        assert not any(slope.not_checked for slope in slopes)
        assert max(slope.error_repeated for slope in slopes) < 1e-6
        assert all(check.holds for check in page_of_step(found).checks)


def test_a_wrong_vjp_behind_a_cast_is_still_found():
    cube = primitive(x=lambda gy, x: gy * x * x * 3.003)(lambda backend, x: x**3)

    def f(x=np.array([0.3, -0.7])):  # noqa: B008
        return cube(x.float()).sum()

    assert [check.holds for check in page_of_step(lab.step(f)).checks] == [False, False]


def test_a_vjp_that_fails_in_float64_alone_is_told_in_one_sentence():
    def vjp(gy, x):
        if x.dtype == np.float64:
            raise ValueError("no doubles")
        return gy * 2.0

    twice = primitive(x=vjp)(lambda backend, x: x * 2)

    def f(x=[0.3, -0.7]):  # noqa: B006
        return twice(x).sum()

    with pytest.raises(mg.ConfigError, match=r"^computing f again in float64 raised ValueError: no doubles\.$"):
        lab.step(f)


def written_into(x=[1.0, 2.0]):  # noqa: B006
    y = x * x
    x.data[...] = 7
    return y.sum()


def result_written_into(x=[1.0, 2.0]):  # noqa: B006
    y = x * x
    y.data[...] = 7
    return y.sum()


def assigned(x=[1.0, 2.0]):  # noqa: B006
    y = x.exp()
    x.data = np.float32([7, 7])
    return (y + x).sum()


@pytest.mark.parametrize(("f", "name"), [(written_into, "mul"), (result_written_into, "mul"), (assigned, "exp")])
def test_a_change_behind_the_tapes_back_is_told_and_no_slope_is_said_to_hold(f, name):
    found = lab.step(f)
    tape, page = found.function.tape, page_of_step(found)
    assert [tape.boxes[i].name for i in tape.changed] == [name]
    assert [check.holds for check in page.checks] == [False]
    assert "a value was changed after it was used" in page.found


def test_nothing_has_changed_in_a_step_of_a_gan(step):
    for part in (step.toy, step.digits):
        assert part.turn_D.changed == part.turn_G.changed == ()


def test_the_page_of_a_function_tells_of_its_result_and_that_of_a_game_of_its_loss(step, tmp_path):
    own = lab.write("step", lab.step(written_as_usual), tmp_path / "own").read_text(encoding="utf-8")
    game = lab.write("step", step, tmp_path / "game").read_text(encoding="utf-8")
    assert "the gradient of the result with respect to it" in own
    assert "the result changes by" in own
    assert "the loss changes" not in own
    assert "the gradient of the loss with respect to it" in game
    assert "{end}" not in own + game


def written_as_usual(x=[1.0, 2.0]):  # noqa: B006
    return (x * x).sum()
