"""Captured training: what changes between calls is seen, and a replay leaves behind what the function would have."""

import numpy as np
import pytest
from captured_pairs import alike, batches, host, programs
from optimizer_twins import SETTINGS, options

import minigan as mg
from minigan import nn
from minigan.gan.ema import EMA
from minigan.optim import lr_scheduler

F = nn.functional


def network():
    return nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2), nn.Tanh())


def training(optimizer, net=network):
    """What makes a step that trains a network with this optimizer of its parameters."""

    def make():
        trained = net()
        moved_by = optimizer(trained.parameters())

        def step(x):
            moved_by.zero_grad()
            loss = (trained(x) ** 2).mean() + trained(x * 2).sum() / 100
            loss.backward()
            moved_by.step()
            return loss

        return step, trained, moved_by

    return make


def sgd(parameters):
    return mg.optim.SGD(parameters, lr=0.1)


def adam(parameters):
    return mg.optim.Adam(parameters, lr=0.01)


STEPS = batches(9, (5, 3))

# ---- parameters ------------------------------------------------------------------------------------------


def at_call(n, change):
    def meanwhile(i, *parts):
        if i == n:
            change(*parts)

    return meanwhile


def load_other_values(net, optimizer):
    net.load_state_dict({name: value * 0.5 + 0.1 for name, value in net.state_dict().items()})


def assign_data(net, optimizer):
    for parameter in net.parameters():
        parameter.data = parameter.data * 0.3


def change_in_place(net, optimizer):
    with mg.no_grad():
        for parameter in net.parameters():
            parameter *= 0.3
            parameter[0] = 0.25


def initialise(net, optimizer):
    nn.init.normal_(net[0].weight)
    nn.init.constant_(net[0].bias, 0.5)


@pytest.mark.parametrize("change", [load_other_values, assign_data, change_in_place, initialise])
@pytest.mark.parametrize("call", [1, 2, 3, 6])
def test_new_values_of_parameters_are_seen(change, call):
    alike(training(adam), STEPS, at_call(call, change), kinds=1)


def replace_a_parameter(net, optimizer):
    net[0].weight = nn.Parameter(mg.ones(8, 3))


def replace_a_layer(net, optimizer):
    net.add_module("3", nn.ReLU())


def append_a_layer(net, optimizer):
    net.add_module("4", nn.Linear(2, 2))


def set_a_slope(net, optimizer):
    net[1].negative_slope = 0.7


def set_forward(net, optimizer):
    net[3].forward = lambda x: x * 3


def hook(net, optimizer):
    net[0].register_forward_hook(lambda module, args, y: y * 0.5)


def hook_twice(net, optimizer):
    net[2].register_forward_hook(lambda module, args, y: y * 0.5)
    net[2].register_forward_pre_hook(lambda module, args: (args[0] * 2,))


def hook_backward(net, optimizer):
    net[2].register_full_backward_hook(lambda module, gx, gy: (gx[0] * 0.1,))


def move_to_another_optimizer(net, optimizer):
    mg.optim.SGD(net.parameters(), lr=0.0)


def move_to_float64_and_back(net, optimizer):
    net.double().float()


@pytest.mark.parametrize(
    "change",
    [
        replace_a_parameter,
        replace_a_layer,
        append_a_layer,
        set_a_slope,
        set_forward,
        hook,
        hook_twice,
        hook_backward,
        move_to_another_optimizer,
        move_to_float64_and_back,
    ],
)
def test_a_network_that_is_set_otherwise_is_captured_anew(change):
    alike(training(sgd), STEPS, at_call(5, change), kinds=2)


def test_another_hook_on_a_module_that_has_one_is_seen():
    handles = []

    def change(i, net, optimizer):
        if i == 0:
            hook(net, optimizer)
        elif i == 4:
            handles.append(net[0].register_forward_hook(lambda module, args, y: y + 1))
        elif i == 7:
            handles.pop().remove()

    alike(training(sgd), STEPS, change, kinds=2)


def test_a_module_that_is_used_twice():
    def make():
        net, twice = nn.Linear(3, 3), nn.Linear(3, 3)
        optimizer = adam([*net.parameters(), *twice.parameters()])

        def step(x):
            optimizer.zero_grad()
            loss = (twice(mg.tanh(net(twice(x)))) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, twice, optimizer

    alike(make, STEPS, kinds=1)


def test_a_module_that_is_moved_inside_of_the_function_keeps_what_it_is():
    alike(training(sgd, lambda: network().float()), STEPS, lambda i, net, optimizer: net.float(), kinds=1)


# ---- what a tape notices ---------------------------------------------------------------------------------


def test_a_replay_counts_its_updates_of_each_leaf():
    versions = []
    for wrap in (lambda f: f, mg.capture):
        step, net, _ = training(sgd)()
        step = wrap(step)
        for args in STEPS:
            step(*args())
        versions.append([parameter.version for parameter in net.parameters()])
    assert versions[0] == versions[1]


def test_a_graph_that_a_replay_has_made_stale_says_so():
    step, net, _ = training(sgd)()
    step = mg.capture(step)
    x = mg.ones(5, 3)
    for _ in range(3):
        step(x)
    loss = net(x).sum()
    step(x)
    with pytest.raises(mg.StaleGraphError, match="0.weight|2.weight"):
        loss.backward()


# ---- gradients -------------------------------------------------------------------------------------------


def accumulating(flat):
    def make():
        w = nn.Parameter(mg.ones(3))
        optimizer = sgd([w]) if flat else None

        def step(x):
            loss = (w * x).sum() + (w**2).sum()
            loss.backward()
            return loss

        return step, w, *([optimizer] if flat else [])

    return make


@pytest.mark.parametrize("flat", [False, True])
def test_gradients_add_up_over_calls(flat):
    alike(accumulating(flat), batches(9, (3,)), kinds=1)


@pytest.mark.parametrize("flat", [False, True])
def test_gradients_add_up_until_they_are_forgotten_between_calls(flat):
    def forget(i, w, *_):
        if i % 4 == 3:
            w.grad = None

    alike(accumulating(flat), batches(16, (3,)), forget)


@pytest.mark.parametrize("flat", [False, True])
def test_a_gradient_may_be_set_between_calls(flat):
    def set_gradient(i, w, *_):
        if i in (4, 7):
            w.grad = np.full(3, 0.5, np.float32)

    alike(accumulating(flat), batches(10, (3,)), set_gradient)


def forgetting(set_to_none, flat):
    def make():
        w, v = nn.Parameter(mg.ones(3)), mg.ones(3, requires_grad=True)
        optimizer = mg.optim.SGD([w, v], lr=0.1) if flat else None

        def step(x):
            if flat:
                optimizer.zero_grad(set_to_none)
            else:
                w.grad = v.grad = None
            loss = (w * x).sum() + (v * w).sum()
            loss.backward()
            return loss

        return step, w, v

    return make


@pytest.mark.parametrize(("set_to_none", "flat"), [(True, True), (False, True), (True, False)])
def test_forgetting_gradients_is_part_of_the_program(set_to_none, flat):
    def look(i, w, v):
        if i in (3, 6):
            w.grad = None

    alike(forgetting(set_to_none, flat), batches(20, (3,)))
    alike(forgetting(set_to_none, flat), batches(20, (3,)), look)


def test_the_gradient_is_where_it_was_and_may_be_read_between_calls():
    step, w, *_ = accumulating(flat=True)()
    step = mg.capture(step)
    for i in range(5):
        step(mg.ones(3))
        assert w.grad.tolist() == [3.0 * (i + 1)] * 3
        assert w.grad is w._grad_buffer


def test_zero_grad_between_calls():
    def make():
        net = network()
        optimizer = adam(net.parameters())

        def step(x):
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    alike(make, STEPS, lambda i, net, optimizer: optimizer.zero_grad())
    alike(make, STEPS, lambda i, net, optimizer: net.zero_grad(set_to_none=False))
    alike(make, STEPS, lambda i, net, optimizer: optimizer.zero_grad(set_to_none=i % 3 == 0))


@pytest.mark.parametrize("inside", [False, True])
def test_requires_grad_toggled(inside):
    def make():
        net = network()
        optimizer = sgd(net.parameters())

        def step(x, on):
            if inside:
                net[0].requires_grad_(on)
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    pattern = [True, True, True, False, False, False, True, True, False, False, True]
    calls = [lambda args=args, on=on: [*args(), on] for args, on in zip(batches(11, (5, 3)), pattern, strict=True)]

    def toggle(i, net, optimizer):
        if not inside:
            net[0].requires_grad_(pattern[i])

    alike(make, calls, toggle)


def test_a_network_frozen_by_the_function():
    def make():
        G, D = nn.Linear(3, 4), nn.Linear(4, 1)
        of_G, of_D = adam(G.parameters()), adam(D.parameters())

        def step(x):
            with D.frozen():
                of_G.zero_grad()
                D(G(x)).sum().backward()
            of_G.step()
            of_D.zero_grad()
            (D(G(x).detach()) ** 2).sum().backward()
            of_D.step()
            return D(x[:, :1].expand(5, 4))

        return step, G, D, of_G, of_D

    alike(make, batches(20, (5, 3)), kinds=1)


def test_a_network_that_is_nothing_but_frozen():
    def make():
        D, x = nn.Linear(3, 1), mg.ones(5, 3, requires_grad=True)

        def step(z):
            with D.frozen():
                (gx,) = mg.grad((D(x) * D(z)).sum(), x)
            return gx

        return step, D, x

    alike(make, batches(20, (5, 3)), kinds=1)


def test_a_gradient_of_a_gradient():
    def make():
        D = nn.Sequential(nn.Linear(3, 9), nn.Softplus(), nn.Linear(9, 1))
        optimizer = adam(D.parameters())

        def step(x):
            x = x.detach().requires_grad_()
            outputs = D(x)
            (gx,) = mg.grad(outputs.sum(), x, create_graph=True)
            (ggx,) = mg.grad((gx**2).sum(), x, retain_graph=True)
            optimizer.zero_grad()
            loss = outputs.mean() + (gx * gx).sum(1).mean() * 5
            loss.backward(inputs=list(D.parameters()))
            optimizer.step()
            return loss, gx, ggx

        return step, D, optimizer

    alike(make, STEPS, kinds=1)


def test_hooks_of_tensors_and_retained_gradients():
    def make():
        w = nn.Parameter(mg.ones(3))
        w.register_hook(lambda gx: gx * 2)
        optimizer = sgd([w])

        def step(x):
            optimizer.zero_grad()
            h = w * x
            h.register_hook(lambda gy: gy + h)
            (h * h).sum().backward()
            optimizer.step()
            return h

        return step, w, optimizer

    alike(make, batches(8, (3,)), kinds=1)


@pytest.mark.parametrize("first", [True, False], ids=["with one before", "without"])
def test_a_hook_on_a_parameter_may_come_and_go(first):
    handles = []

    def change(i, net, optimizer):
        if i == 0 and first:
            net[0].weight.register_hook(lambda gx: gx * 0.5)
        elif i == 4:
            handles.append(net[0].weight.register_hook(lambda gx: gx + 1))
        elif i == 8:
            handles.pop().remove()

    alike(training(sgd), batches(12, (5, 3)), change)


def test_a_tape_that_began_outside_is_refused():
    w = nn.Parameter(mg.ones(3))
    h = w * 2
    for function in (lambda x: (h * x).sum(), lambda x: h.sum().backward(retain_graph=True)):
        step = mg.capture(function)
        step(mg.ones(3))
        with pytest.raises(mg.CaptureError, match=r"a tape from outside.*x\.detach\(\)"):
            step(mg.ones(3))
    step = mg.capture(lambda x: (h.detach() * x).sum())
    assert [step(mg.ones(3)).item() for _ in range(3)] == [6.0] * 3


def test_two_sweeps_over_one_graph():
    def make():
        w = nn.Parameter(mg.ones(3))

        def step(x):
            w.grad = None
            loss = (mg.exp(w * 0.1) * x).sum()
            loss.backward(retain_graph=True)
            loss.backward()
            return loss

        return step, w

    alike(make, batches(12, (3,)))


# ---- optimizers ------------------------------------------------------------------------------------------

OPTIMIZERS = [
    *SETTINGS,
    *[("Adam", s) for s in options(lr=[0.05], weight_decay=[0, 0.1], betas=[(0.5, 0.999), (0.0, 0.9)])],
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    *[("RMSprop", s) for s in options(lr=[0.05], momentum=[0.0, 0.9], centered=[False, True])],
    *[("OptimisticSGD", s) for s in options(lr=[0.05], momentum=[0.0, 0.9], weight_decay=[0, 0.1])],
    *[("OptimisticAdam", s) for s in options(lr=[0.05], weight_decay=[0, 0.1])],
]


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_every_optimizer_steps_alike(name, settings):
    alike(training(lambda parameters: getattr(mg.optim, name)(parameters, **settings)), batches(12, (5, 3)), kinds=1)


@pytest.mark.parametrize("name", ["ExtraSGD", "ExtraAdam"])
@pytest.mark.parametrize("settings", [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1}])
def test_both_halves_of_an_extragradient_step(name, settings):
    def make():
        net = network()
        optimizer = getattr(mg.optim, name)(net.parameters(), **settings)

        def step(x):
            for move in (optimizer.extrapolate, optimizer.step):
                optimizer.zero_grad()
                loss = (net(x) ** 2).mean()
                loss.backward()
                move()
            return loss

        return step, net, optimizer

    alike(make, batches(12, (5, 3)), kinds=1)


def test_groups_with_settings_of_their_own():
    def groups(parameters):
        first, *rest = parameters
        return mg.optim.Adam([{"params": [first], "lr": 0.1, "betas": (0.1, 0.2)}, {"params": rest}], lr=0.01)

    def change(i, net, optimizer):
        optimizer.param_groups[1]["lr"] = 0.01 * i

    alike(training(groups), STEPS, change)


def setting(name, values):
    """Before each call the setting gets the next value."""

    def change(i, net, optimizer):
        optimizer.param_groups[0][name] = values[i % len(values)]

    return change


CHANGES = [
    (adam, "lr", [0.1, 0.01, 0.0, 0.3, 1e-5]),
    (adam, "betas", [(0.9, 0.999)] * 4 + [(0.1, 0.5)] * 5),
    (adam, "eps", [1e-8, 1e-8, 1e-8, 1e-2]),
    (adam, "weight_decay", [0.0] * 5 + [0.1] * 4),
    (sgd, "lr", [0.1, 0.2, 0.05]),
    (sgd, "momentum", [0.0] * 4 + [0.9] * 5),
    (sgd, "momentum", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
    (sgd, "weight_decay", [0.0] * 4 + [0.5] * 5),
    (lambda p: mg.optim.SGD(p, lr=0.1, momentum=0.5), "dampening", [0.0] * 5 + [0.3] * 4),
    (lambda p: mg.optim.SGD(p, lr=0.1, momentum=0.5), "nesterov", [False] * 5 + [True] * 4),
    (lambda p: mg.optim.SGD(p, lr=0.1, momentum=0.5), "momentum", [0.5] * 3 + [0.0] * 3 + [0.7] * 3),
    (lambda p: mg.optim.AdamW(p, lr=0.1), "lr", [0.1, 0.01, 0.05]),
    (lambda p: mg.optim.AdamW(p, lr=0.1), "weight_decay", [0.01] * 4 + [0.5] * 5),
    (lambda p: mg.optim.RMSprop(p, lr=0.1), "lr", [0.1, 0.01, 0.05]),
    (lambda p: mg.optim.RMSprop(p, lr=0.1), "momentum", [0.0] * 4 + [0.9] * 5),
    (lambda p: mg.optim.RMSprop(p, lr=0.1), "centered", [False] * 4 + [True] * 5),
    (lambda p: mg.optim.RMSprop(p, lr=0.1), "alpha", [0.99] * 4 + [0.5] * 5),
    (lambda p: mg.optim.OptimisticAdam(p, lr=0.1), "lr", [0.1, 0.01, 0.05]),
    (lambda p: mg.optim.OptimisticSGD(p, lr=0.1), "lr", [0.1, 0.01, 0.05]),
]


@pytest.mark.parametrize(("optimizer", "name", "values"), CHANGES)
def test_settings_changed_by_hand_between_calls(optimizer, name, values):
    alike(training(optimizer), STEPS, setting(name, values))


def test_settings_in_a_list_that_is_changed_in_place():
    def change(i, net, optimizer):
        if i == 5:
            optimizer.param_groups[0]["betas"][0] = 0.1

    alike(training(lambda parameters: mg.optim.Adam(parameters, betas=[0.9, 0.999])), STEPS, change, kinds=2)


def test_a_group_added_between_calls():
    def make():
        w, v = nn.Parameter(mg.zeros(3)), nn.Parameter(mg.zeros(3))
        optimizer = adam([w])

        def step(x):
            w.grad = v.grad = None
            loss = ((w + v - x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, w, v, optimizer

    def add(i, w, v, optimizer):
        if i == 4:
            optimizer.add_param_group({"params": [v], "lr": 0.3})

    alike(make, batches(9, (5, 3)), add, kinds=2)


SCHEDULES = [
    lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.5),
    lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 6),
    lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch)),
]


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_of_the_learning_rate(schedule, inside):
    def make():
        net = network()
        optimizer = adam(net.parameters())
        scheduler = schedule(optimizer)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            if inside:
                scheduler.step()
            return loss

        return step, net, optimizer, scheduler

    def go_on(i, net, optimizer, scheduler):
        if i and not inside:
            scheduler.step()

    alike(make, STEPS, go_on)


def two_heads(optimizer=adam):
    """A step on one or both of two parameters."""

    def make():
        a, b = nn.Parameter(mg.zeros(3)), nn.Parameter(mg.zeros(3))
        moved_by = optimizer([a, b])

        def step(x, *, both):
            moved_by.zero_grad()
            loss = ((a - x) ** 2).mean()
            if both:
                loss = loss + ((b - x) ** 2).mean()
            loss.backward()
            moved_by.step()
            return loss

        return lambda x, both: step(x, both=both), a, b, moved_by

    return make


@pytest.mark.parametrize("optimizer", [adam, lambda p: mg.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5)])
@pytest.mark.parametrize("pattern", ["1100001101", "0011000011", "1010101010", "1000000001", "0101100110"])
def test_parameters_that_have_a_gradient_only_now_and_then(pattern, optimizer):
    calls = [
        lambda args=args, both=both == "1": [*args(), both]
        for args, both in zip(batches(20, (5, 3)), pattern * 2, strict=True)
    ]
    alike(two_heads(optimizer), calls)


def test_the_state_of_an_optimizer_is_loaded_between_calls():
    saved = []

    def change(i, net, optimizer):
        if i == 2:
            saved[:] = [optimizer.state_dict()]
        elif i == 5:
            optimizer.load_state_dict(saved[0])
        elif i == 7:  # some parameters begin anew
            state = optimizer.state_dict()
            del state["state"][1]
            optimizer.load_state_dict(state)

    alike(training(adam), batches(12, (5, 3)), change)
    alike(training(lambda p: mg.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2)), batches(12, (5, 3)), change)


def test_several_steps_of_one_optimizer_in_one_call():
    def make():
        step, net, optimizer = training(adam)()

        def several(x):
            return [step(x), step(x * 2), step(x)][-1]

        return several, net, optimizer

    alike(make, STEPS, kinds=1)


# ---- clipping, averages, layers with a state -------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("flat", [True, False])
def test_gradients_clipped_by_their_norm(norm_type, flat):
    def make():
        net = network()
        optimizer = adam(net.parameters()) if flat else None

        def step(x):
            net.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            total = nn.utils.clip_grad_norm_(net.parameters(), 0.05, norm_type)
            if flat:
                optimizer.step()
            return loss, total

        return step, net

    alike(make, STEPS, kinds=1)


def test_gradients_clipped_by_their_values():
    def make():
        net = network()
        optimizer = sgd(net.parameters())

        def step(x):
            optimizer.zero_grad()
            (net(x) ** 2).mean().backward()
            nn.utils.clip_grad_value_(net.parameters(), 0.01)
            optimizer.step()

        return step, net, optimizer

    alike(make, STEPS, kinds=1)


def test_a_gradient_set_by_hand_is_clipped_with_the_others():
    def make():
        a, b = nn.Parameter(mg.zeros(3)), nn.Parameter(mg.zeros(3))
        optimizer = sgd([a, b])

        def step(x):
            a.grad = None
            ((a - x) ** 2).mean().backward()
            return nn.utils.clip_grad_norm_([b, a], 0.01)

        return step, a, b, optimizer

    def set_gradient(i, a, b, optimizer):
        if i == 5:
            b.grad = np.ones(3, np.float32)

    alike(make, batches(9, (5, 3)), set_gradient)


def test_an_average_of_a_network():
    class State:
        """An average as a part with a state."""

        def __init__(self, average):
            self.state_dict = average.state_dict

    def make():
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        optimizer, average = adam(net.parameters()), EMA(net, 0.99)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            average.update()
            return loss

        return step, net, optimizer, State(average)

    alike(make, batches(20, (5, 3)), kinds=1)


def test_an_average_whose_arrays_are_others_now():
    def played(convert):
        mg.manual_seed(0)
        net = network()
        average = EMA(net, 0.9)

        def function(x):
            with mg.no_grad():
                for parameter in net.parameters():
                    parameter += x.mean()
            average.update()
            return x

        step = convert(function)
        for i in range(8):
            if i == 5:
                average.network.double().float()
            step(mg.full((2, 3), i / 8))
        return [parameter.numpy() for parameter in average.network.parameters()]

    for captured, written in zip(played(mg.capture), played(lambda function: function), strict=True):
        np.testing.assert_array_equal(captured, written)


BATCH_NORMS = {
    "BatchNorm1d": lambda: nn.BatchNorm1d(3),
    "without an average": lambda: nn.BatchNorm1d(3, track_running_stats=False),
    "without parameters": lambda: nn.BatchNorm1d(3, affine=False),
    "LayerNorm": lambda: nn.LayerNorm(3),
}


@pytest.mark.parametrize("norm", BATCH_NORMS.values(), ids=BATCH_NORMS.keys())
def test_layers_with_running_statistics_in_both_modes(norm):
    def make():
        net = nn.Sequential(nn.Linear(3, 3), norm())
        optimizer = sgd(net.parameters())

        def step(x):
            optimizer.zero_grad()
            y = net(x)
            (y**2 + y).mean().backward()
            optimizer.step()
            return y

        return step, net, optimizer

    alike(make, STEPS, kinds=1)
    alike(make, batches(12, (5, 3)), lambda i, net, optimizer: net.train(i % 4 < 2))


def test_spectral_norm_in_both_modes():
    def make():
        net = nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 6)), nn.Tanh(), nn.utils.spectral_norm(nn.Linear(6, 1)))
        optimizer = adam(net.parameters())

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) - net(x * 0.5)).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    alike(make, batches(15, (5, 3)), kinds=1)
    alike(make, batches(15, (5, 3)), lambda i, net, optimizer: net.train(i % 5 < 3))


@pytest.mark.parametrize("where", ["all of it", "the dropout alone"])
def test_training_and_evaluation(where):
    def make():
        net = nn.Sequential(nn.Linear(3, 40), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(40, 1), nn.Dropout(0.1))
        return lambda x: net(x), net

    def switch(i, net):
        (net if where == "all of it" else net[2]).train(i % 4 < 2)

    alike(make, batches(16, (5, 3)), switch, kinds=2)


def test_the_mode_may_be_set_inside_of_the_function():
    def make():
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))

        def step(x):
            trained = net.train()(x)
            return trained, net.eval()(x)

        return step, net

    alike(make, STEPS, kinds=1)


def test_a_probability_of_dropout_changed_between_calls():
    def make():
        net = nn.Dropout(0.5)
        return lambda x: net(x), net

    def change(i, net):
        net.p = 0.1 if i >= 5 else 0.5

    alike(make, STEPS, change, kinds=2)


class Counting(nn.Module):
    """Counts its calls, and keeps what it made last."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.last = None

    def forward(self, x):
        self.calls += 1
        self.last = x * 2
        return self.last + 1


def test_what_a_module_notes_for_others_to_look_at_makes_no_new_programs():
    def make():
        net = Counting()
        return lambda x: net(x), *()

    step = alike(make, batches(20, (3,)), kinds=1)
    assert programs(step) == 1


class Recurrent(nn.Module):
    """Has a state; changed in place, if it is ``steady``, and else replaced."""

    def __init__(self, steady):
        super().__init__()
        self.steady = steady
        self.register_buffer("h", mg.zeros(5, 3))

    def forward(self, x):
        h = mg.tanh(0.5 * self.h + x)
        if self.steady:
            self.h[...] = h
        else:
            self.h = h
        return h


def test_a_state_that_is_changed_in_place_goes_on():
    def make():
        net = Recurrent(steady=True)
        return lambda x: net(x), net

    alike(make, STEPS, kinds=1)


def test_a_state_that_is_replaced_is_refused():
    net = Recurrent(steady=False)
    step = mg.capture(lambda x: net(x))
    step(mg.ones(5, 3))
    with pytest.raises(mg.CaptureError, match=r"whose h is used and then replaced.*self\.h\[\.\.\.\] = new"):
        step(mg.ones(5, 3))


def test_two_captured_functions_share_parameters():
    def make():
        net = network()
        of_one, of_other = adam(net.parameters()), None

        def step(x):
            of_one.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            of_one.step()
            return loss

        def judge(x):
            with mg.no_grad():
                return net(x).mean()

        return step, judge, net, of_one, of_other

    seen = []
    for wrap in (lambda f: f, mg.capture):
        mg.manual_seed(0)
        step, judge, net, *_ = make()
        step, judge = wrap(step), wrap(judge)
        seen.append([host([step(*args()), judge(*args()), net.state_dict()]) for args in STEPS])
    assert seen[0] == seen[1]
