"""Random numbers in captured functions: those that the function would have drawn, and the streams left as it would."""

import numpy as np
import pytest
from captured_pairs import alike, batches, host, programs

import minigan as mg
from minigan import nn
from minigan.gan import Noise
from minigan.ops.random import fork_rng, stream

F = nn.functional

DRAWS = {
    "randn": lambda x: x + mg.randn(5, 3),
    "rand": lambda x: x + mg.rand(5, 3),
    "float64": lambda x: x + mg.randn(5, 3, dtype=mg.float64),
    "an odd number": lambda x: x.sum() + mg.randn(7),
    "a single one": lambda x: x * mg.rand(()),
    "like another tensor": lambda x: mg.randn_like(x) * mg.rand_like(x),
    "whole numbers": lambda x: x[mg.randint(5, (4,))] * mg.randint(-3, 9, (4, 3)),
    "dropout": lambda x: F.dropout(x, 0.3) + F.dropout(x, 0.9),
    "dropout of channels": lambda x: F.dropout2d(x.reshape(5, 3, 1, 1), 0.5),
    "always dropped": lambda x: F.dropout(x, 1.0),
    "several in a row": lambda x: [mg.randn(3) for _ in range(4)] + [mg.randint(9, (2,)), F.dropout(x)],
    "initial values": lambda x: [nn.Linear(3, 2)(x), nn.init.xavier_normal_(mg.zeros(3, 3))],
    "z": lambda x: Noise(3).draw(5) + Noise(3, "uniform", 2.0).draw(5),
    "z to look at, always the same": lambda x: x + Noise(3).fixed(5, seed=4, device=mg.device("cpu")),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_each_call_draws_what_it_would(draw):
    alike(lambda: (draw, *()), batches(6, (5, 3)), kinds=1)


def drawing(x):
    return x + mg.randn(2) + F.dropout(mg.ones(2), 0.5)


def sequence(step, before_each):
    """What calls give, and a draw after each, with the streams set before each."""
    mg.manual_seed(0)
    seen = []
    for i in range(12):
        before_each(i)
        seen.append((host([step(mg.ones(2)), mg.rand(3)]), stream.seed, stream.step, stream.site))
    return seen


SET_BEFORE = {
    "nothing": lambda i: None,
    "the step": lambda i: mg.set_step(i),
    "the same step": lambda i: mg.set_step(3),
    "steps now and then": lambda i: mg.set_step(i // 3) if i % 3 == 0 else None,
    "the seed": lambda i: mg.manual_seed(i),
    "the same seed": lambda i: mg.manual_seed(7),
    "the seed now and then": lambda i: mg.manual_seed(i) if i in (2, 5, 6) else None,
    "draws of others": lambda i: [mg.rand(2) for _ in range(i % 3)],
}


@pytest.mark.parametrize("before_each", SET_BEFORE.values(), ids=SET_BEFORE.keys())
def test_seeds_steps_and_draws_between_calls_are_seen(before_each):
    assert sequence(mg.capture(drawing), before_each) == sequence(drawing, before_each)


def test_the_streams_may_be_forked_around_a_call():
    def before_each(i):
        with fork_rng():
            mg.manual_seed(100 + i)
            mg.rand(5)

    assert sequence(mg.capture(drawing), before_each) == sequence(drawing, before_each)


def test_two_captured_functions_after_each_other_in_one_step():
    def first(x):
        return x + mg.randn(3)

    def second(x):
        return F.dropout(x, 0.5) * mg.rand(3) + mg.randn(3)

    def train(first, second):
        mg.manual_seed(0)
        seen = []
        for i in range(9):
            mg.set_step(i)
            seen.extend(host(step(mg.ones(3))) for step in (first, second, first)[: 2 + i % 2])
        return seen

    assert train(mg.capture(first), mg.capture(second)) == train(first, second)


def test_draws_of_a_captured_function_inside_of_another():
    def outer(inner):
        return lambda x: inner(x) + mg.randn(2) + inner(x)

    assert sequence(mg.capture(outer(mg.capture(drawing))), lambda i: None) == sequence(outer(drawing), lambda i: None)


def test_a_program_of_another_shape_draws_as_many_as_it_needs():
    def make():
        return lambda x: F.dropout(x + mg.randn_like(x), 0.25), *()

    calls = [*batches(2, (5, 3)), *batches(1, (2, 3)), *batches(2, (5, 3))] * 3
    alike(make, calls, kinds=2)


@pytest.mark.parametrize("fused", [True, False])
def test_layers_of_dropout_draw_one_after_the_other(fused):
    def make():
        layers = [
            nn.Linear(3, 33),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.4),
            nn.Linear(33, 7),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
        ]
        net = nn.Sequential(*layers)
        if not fused:
            layers[1].register_forward_hook(lambda module, args, y: None)
        optimizer = mg.optim.SGD(net.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) * net(x)).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    alike(make, batches(9, (5, 3)), kinds=1)


def test_results_of_ten_thousand_draws_have_the_mean_and_deviation_of_a_normal_distribution():
    step = mg.capture(lambda: mg.randn(2500))
    drawn = np.concatenate([step().numpy().copy() for _ in range(40)])
    assert len(np.unique(drawn)) > 99_000
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


# ---- streams that the function sets itself ---------------------------------------------------------------


def forked(x):
    with fork_rng():
        mg.manual_seed(0)
        return x + mg.randn(2)


SET_INSIDE = {
    "seeded": lambda x: (mg.manual_seed(0), x + mg.randn(2))[1],
    "seeded after a draw": lambda x: (x + mg.randn(2), mg.manual_seed(0))[0],
    "seeded otherwise": lambda x: (mg.manual_seed(5), x + mg.randn(2))[1],
    "set to a step": lambda x: (mg.set_step(0), x + mg.randn(2))[1],
    "forked": forked,
}


@pytest.mark.parametrize("function", SET_INSIDE.values(), ids=SET_INSIDE.keys())
def test_streams_that_are_set_inside_are_refused(function):
    step = mg.capture(function)
    mg.rand(1)
    step(mg.ones(2))
    mg.set_step(1)
    mg.rand(1)
    with pytest.raises(mg.CaptureError, match=r"random streams.*outside of it"):
        step(mg.ones(2))
    assert programs(step) == 0
