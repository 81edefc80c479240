"""spectral_norm is PyTorch's: values, gradients, second order, state; and a GAN's two passes before one backward."""

import copy
import pickle

import numpy as np
import pytest
from test_nn import assert_same, draw, ours, theirs

import minigan as mg
from minigan.gan.ema import EMA
from minigan.nn.utils import remove_spectral_norm, spectral_norm

torch_test = pytest.mark.torch
LAYERS = {
    "Linear": (lambda nn: nn.Linear(5, 3), (4, 5)),
    "Conv2d": (lambda nn: nn.Conv2d(2, 3, 3), (2, 2, 5, 4)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 2, 3, 4)),
    "Embedding": (lambda nn: nn.Embedding(4, 3), None),
}
OPTIONS = [{}, {"n_power_iterations": 3}, {"dim": 1}, {"eps": 1e-2}]
every_layer = pytest.mark.parametrize("name", LAYERS)


def pair(torch, name, **options):
    """Both libraries' layer with the same numbers, by way of the state dict."""
    build = LAYERS[name][0]
    module, reference = spectral_norm(build(mg.nn), **options), torch.nn.utils.spectral_norm(build(torch.nn), **options)
    module.double(), reference.double()
    module.load_state_dict(reference.state_dict())
    return module, reference


def same_state(module, reference, tolerance=1e-9):
    state, expected = module.state_dict(), reference.state_dict()
    assert list(state) == list(expected)
    for key, value in state.items():
        np.testing.assert_allclose(value, expected[key].numpy(), rtol=tolerance, atol=tolerance)


@torch_test
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_values_gradients_second_order_and_state_are_pytorchs(torch, name, options, training):
    module, reference = pair(torch, name, **options)
    module.train(training), reference.train(training)
    for call in range(3):
        x = draw(*LAYERS[name][1], seed=call)
        state = {key: value.clone() for key, value in reference.state_dict().items()}
        found = ours(module, [x], list(module.parameters()))
        assert_same(found, theirs(torch, reference, [x], list(reference.parameters())))
        same_state(module, reference)
        moved = not np.allclose(state["weight_u"].numpy(), module.weight_u.numpy(), rtol=1e-12)
        assert moved == training or call > 0
        np.testing.assert_allclose(module.weight.numpy(), reference.weight.detach().numpy(), rtol=1e-9)


@torch_test
@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_twenty_steps_of_training_are_pytorchs(torch, name):
    module, reference = pair(torch, name)
    optimizer = mg.optim.SGD(module.parameters(), lr=0.05)
    expected = torch.optim.SGD(reference.parameters(), lr=0.05)
    for step in range(20):
        x = draw(*LAYERS[name][1], seed=step)
        optimizer.zero_grad(), expected.zero_grad()
        (module(mg.tensor(x)) ** 2).mean().backward()
        (reference(torch.tensor(x)) ** 2).mean().backward()
        optimizer.step(), expected.step()
        same_state(module, reference)


@torch_test
@every_layer
def test_a_new_layer_has_pytorchs_keys_and_vectors_of_length_1(torch, name):
    build = LAYERS[name][0]
    module, reference = spectral_norm(build(mg.nn)), torch.nn.utils.spectral_norm(build(torch.nn))
    shapes = {key: value.shape for key, value in module.state_dict().items()}
    assert shapes == {key: tuple(value.shape) for key, value in reference.state_dict().items()}
    assert [key for key, _ in module.named_parameters()] == [key for key, _ in reference.named_parameters()]
    for vector in (module.weight_u, module.weight_v):
        assert np.linalg.norm(vector.numpy()) == pytest.approx(1, abs=1e-6)
    reference.load_state_dict({key: torch.tensor(value) for key, value in module.state_dict().items()})


def test_the_largest_singular_value_becomes_1():
    layer = spectral_norm(mg.nn.Linear(20, 30).double(), n_power_iterations=200)
    layer(mg.zeros(1, 20, dtype=mg.float64))
    assert np.linalg.svd(layer.weight.numpy(), compute_uv=False)[0] == pytest.approx(1, abs=1e-6)


# ---- as a GAN uses it ------------------------------------------------------------------------------------


def discriminator():
    nn = mg.nn
    layers = nn.Linear(4, 6), nn.Linear(6, 1)
    return nn.Sequential(spectral_norm(layers[0]), nn.Tanh(), spectral_norm(layers[1])).double()


def test_one_backward_after_two_passes_is_the_sum_of_each_with_its_own_vectors():
    D, real, fake = discriminator(), mg.tensor(draw(5, 4)), mg.tensor(draw(5, 4, seed=1))
    once = copy.deepcopy(D)
    (D(real).mean() - (D(fake) ** 2).mean()).backward()
    once(real).mean().backward()
    (-(once(fake) ** 2).mean()).backward()
    for p, q in zip(D.parameters(), once.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-12)


@torch_test
def test_the_gradients_of_r1_of_a_normalised_discriminator_are_pytorchs(torch):
    D, norm = discriminator(), torch.nn.utils.spectral_norm
    reference = torch.nn.Sequential(norm(torch.nn.Linear(4, 6)), torch.nn.Tanh(), norm(torch.nn.Linear(6, 1))).double()
    D.load_state_dict(reference.state_dict())
    x, z = mg.tensor(draw(3, 4), requires_grad=True), torch.tensor(draw(3, 4), requires_grad=True)
    for _ in range(2):
        (gx,) = mg.grad(D(x).sum(), x, create_graph=True)
        (gz,) = torch.autograd.grad(reference(z).sum(), z, create_graph=True)
        (gx * gx).sum().backward()
        (gz * gz).sum().backward()
    for p, q in zip(D.parameters(), reference.parameters(), strict=True):
        expected = np.zeros(p.shape) if q.grad is None else q.grad.numpy()
        np.testing.assert_allclose(np.zeros(p.shape) if p.grad is None else p.grad, expected, rtol=1e-9, atol=1e-12)


def test_frozen_passes_gradients_to_the_input_alone():
    D, x = discriminator(), mg.tensor(draw(5, 4), requires_grad=True)
    with D.frozen():
        D(x).sum().backward()
    assert x.grad.any()
    assert all(p.grad is None for p in D.parameters())


def test_an_optimizer_made_before_trains_the_original_weight():
    layer = mg.nn.Linear(3, 2)
    optimizer = mg.optim.SGD(layer.parameters(), lr=0.1)
    spectral_norm(layer)
    before = layer.weight_orig.detach().numpy().copy()
    (layer(mg.randn(4, 3)) ** 2).sum().backward()
    optimizer.step()
    assert not np.array_equal(before, layer.weight_orig.detach().numpy())


# ---- copies, types, removal ------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("used", [False, True])
def test_a_copy_is_whole_and_its_own(copied, used):
    D, x = discriminator(), mg.tensor(draw(5, 4))
    if used:
        D(x).sum().backward()
    twin = copied(D)
    before = D.state_dict()
    for _ in range(2):
        twin(x).sum().backward()
    assert all(np.array_equal(value, before[key]) for key, value in D.state_dict().items())
    for _ in range(2):
        D(x)
    np.testing.assert_array_equal(D(x).detach().numpy(), twin(x).detach().numpy())
    layer = remove_spectral_norm(twin[0])
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert "weight_orig" in D[0].state_dict()


def test_an_average_of_the_network_normalises_its_own_weights():
    D = discriminator()
    ema = EMA(D, 0.5)
    D(mg.tensor(draw(5, 4)))
    D[0].weight_orig.data = D[0].weight_orig.data * 3
    ema.update()
    layer, x = ema.network[0], mg.tensor(draw(2, 4))
    u, v, weight = layer.weight_u.numpy(), layer.weight_v.numpy(), layer.weight_orig.numpy()
    np.testing.assert_array_equal(u, D[0].weight_u.numpy())
    np.testing.assert_allclose(layer(x).numpy(), x.numpy() @ (weight / (u @ weight @ v)).T + layer.bias.numpy())


def test_the_layer_keeps_no_graph_alive():
    layer = spectral_norm(mg.nn.Linear(3, 2))
    layer(mg.randn(4, 3))
    assert not layer.weight.requires_grad


def test_it_keeps_float32_and_moves_to_another_type_as_a_whole():
    layer = spectral_norm(mg.nn.Linear(3, 2))
    assert layer(mg.randn(4, 3)).dtype == np.float32
    assert {str(value.dtype) for value in layer.state_dict().values()} == {"float32"}
    layer.to(mg.float64)
    assert layer(mg.randn(4, 3, dtype=mg.float64)).dtype == np.float64
    assert {str(value.dtype) for value in layer.state_dict().values()} == {"float64"}


@torch_test
@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_removing_it_leaves_pytorchs_weight(torch, name):
    module, reference = pair(torch, name)
    x = draw(*LAYERS[name][1])
    module(mg.tensor(x)), reference(torch.tensor(x))
    assert remove_spectral_norm(module) is module
    torch.nn.utils.remove_spectral_norm(reference)
    same_state(module, reference)
    y = module(mg.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), reference(torch.tensor(x)).detach().numpy(), rtol=1e-9, atol=1e-12)
    assert module.weight.requires_grad
    assert spectral_norm(module) is module


def test_another_parameter_can_be_normalised_too():
    layer = spectral_norm(spectral_norm(mg.nn.Linear(3, 2)), name="bias")
    layer(mg.randn(4, 3))
    assert np.linalg.norm(layer.bias.numpy()) == pytest.approx(1)
    assert list(remove_spectral_norm(layer, "bias").state_dict()) == ["weight_orig", "bias", "weight_u", "weight_v"]


nn = mg.nn
BAD = {
    "a network": (lambda: spectral_norm(nn.Sequential(nn.Linear(2, 2))), mg.ConfigError,
                  ["no parameter weight", "each layer"]),
    "unknown name": (lambda: spectral_norm(nn.Linear(2, 2), "w"), mg.ConfigError, ["parameter w", "weight, bias"]),
    "no bias": (lambda: spectral_norm(nn.Linear(2, 2, bias=False), "bias"), mg.ConfigError, ["no parameter bias"]),
    "twice": (lambda: spectral_norm(spectral_norm(nn.Linear(2, 2))), mg.ConfigError, ["already", "Apply it once"]),
    "no module": (lambda: spectral_norm(3), mg.DTypeError, ["expected a module", "int"]),
    "no iterations": (lambda: spectral_norm(nn.Linear(2, 2), n_power_iterations=0), mg.ConfigError,
                      ["n_power_iterations of at least 1", "got 0"]),
    "no such dim": (lambda: spectral_norm(nn.Linear(2, 2), dim=2), mg.ShapeError, ["spectral_norm", "dim", "got 2"]),
    "not normalised": (lambda: remove_spectral_norm(nn.Linear(2, 2)), mg.ConfigError, ["not spectrally normalised"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_what_to_do(name):
    call, error, words = BAD[name]
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
