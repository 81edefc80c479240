"""The players' networks: their layers to the letter, their sizes, starts, labels, derivatives and errors."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan import nn
from minigan.data import load_mnist
from minigan.gan import load_preset
from minigan.gan.config import DiscriminatorConfig, GeneratorConfig
from minigan.gan.networks import (
    Discriminator,
    LabelledDiscriminator,
    Maxout,
    UNet,
    build_discriminator,
    build_generator,
    conv_discriminator,
    conv_generator,
    draw_weights,
    maxout_discriminator,
    mlp_discriminator,
    mlp_generator,
    normalize_spectrally,
    residual_discriminator,
    residual_generator,
    set_output_bias,
)
from minigan.gan.networks.build import DISCRIMINATORS, GENERATORS

MNIST = (1, 28, 28)


def linear(n_in, n_out):
    return f"Linear(in_features={n_in}, out_features={n_out}, bias=True)"


def conv(n_in, n_out, kind="Conv2d"):
    return f"{kind}({n_in}, {n_out}, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"


def batch_norm(n, kind="BatchNorm2d", eps=1e-5, momentum=0.1):
    return f"{kind}({n}, eps={eps}, momentum={momentum}, affine=True, track_running_stats=True)"


def maxout(n_in, n_out):
    return f"Maxout(\n  (linear): {linear(n_in, 5 * n_out)}\n)"


def dropout(p):
    return f"Dropout(p={p})"


LEAKY, FLATTEN = "LeakyReLU(negative_slope=0.2)", "Flatten(start_dim=1, end_dim=-1)"
UNFLATTEN = "Unflatten(dim=1, unflattened_size=(1, 28, 28))"

# ---- the published networks, layer by layer --------------------------------------------------------------

PRESETS = {
    "mlp-relu": (
        [linear(100, 256), "ReLU()", linear(256, 784), "Tanh()", UNFLATTEN],
        [FLATTEN, linear(784, 128), "ReLU()", linear(128, 1)],
    ),
    "mlp-tanh": (
        [linear(100, 256), "Tanh()", linear(256, 784), "Tanh()", UNFLATTEN],
        [FLATTEN, linear(784, 256), "Sigmoid()", linear(256, 1)],
    ),
    "conv": (
        [
            linear(100, 6272), "Unflatten(dim=1, unflattened_size=(128, 7, 7))", batch_norm(128), "ReLU()",
            conv(128, 64, "ConvTranspose2d"), batch_norm(64), "ReLU()", conv(64, 1, "ConvTranspose2d"), "Tanh()",
        ],
        [
            conv(1, 64), LEAKY, dropout(0.3), conv(64, 128), batch_norm(128), LEAKY, dropout(0.3),
            FLATTEN, linear(6272, 1),
        ],
    ),
    "conv-d": (
        [linear(100, 128), LEAKY, linear(128, 128), LEAKY, linear(128, 784), "Tanh()", UNFLATTEN],
        [conv(1, 32), LEAKY, dropout(0.3), conv(32, 64), LEAKY, dropout(0.3), FLATTEN, linear(3136, 1)],
    ),
    "reference": (
        [
            linear(100, 256), LEAKY, linear(256, 512), LEAKY, linear(512, 1024), LEAKY,
            linear(1024, 784), "Tanh()", UNFLATTEN,
        ],
        [
            FLATTEN, linear(784, 1024), LEAKY, dropout(0.3), linear(1024, 512), LEAKY, dropout(0.3),
            linear(512, 256), LEAKY, dropout(0.3), linear(256, 1), "Sigmoid()",
        ],
    ),
    "goodfellow-2014": (
        [
            linear(100, 1200), "ReLU()", linear(1200, 1200), "ReLU()",
            linear(1200, 784), "Sigmoid()", "Stretch()", UNFLATTEN,
        ],
        [
            FLATTEN, "Shrink()", dropout(0.2), maxout(784, 240), dropout(0.5), maxout(240, 240), dropout(0.5),
            linear(240, 1),
        ],
    ),
    "pacgan2": (
        [
            linear(2, 400), batch_norm(400, "BatchNorm1d", 1e-4, 0.05), "ReLU()",
            *[linear(400, 400), batch_norm(400, "BatchNorm1d", 1e-4, 0.05), "ReLU()"] * 3, linear(400, 2),
        ],
        [maxout(4, 200), maxout(200, 200), maxout(200, 200), linear(200, 1)],
    ),
}  # fmt: skip
COUNTS = {  # numbers of parameters, added up by hand
    "mlp-relu": (101 * 256 + 257 * 784, 785 * 128 + 129),
    "mlp-tanh": (101 * 256 + 257 * 784, 785 * 256 + 257),
    "conv": (101 * 6272 + 2 * 128 + 2048 * 64 + 64 + 2 * 64 + 1024 + 1, 1024 + 64 + 1024 * 128 + 128 + 256 + 6273),
    "conv-d": (101 * 128 + 129 * 128 + 129 * 784, 16 * 32 + 32 + 512 * 64 + 64 + 3137),
    "reference": (101 * 256 + 257 * 512 + 513 * 1024 + 1025 * 784, 785 * 1024 + 1025 * 512 + 513 * 256 + 257),
    "goodfellow-2014": (101 * 1200 + 1201 * 1200 + 1201 * 784, 785 * 1200 + 241 * 1200 + 241),
    "pacgan2": (3 * 400 + 3 * 401 * 400 + 4 * 800 + 401 * 2, 5 * 1000 + 2 * 201 * 1000 + 201),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_has_the_layers_of_its_source(preset):
    config = load_preset(preset)
    shape = (2,) if preset == "pacgan2" else MNIST
    G = build_generator(config.generator, shape)
    D = build_discriminator(config.discriminator, (config.game.pack * shape[0], *shape[1:]))
    assert ([repr(layer) for layer in G], [repr(layer) for layer in D]) == PRESETS[preset]
    assert (G.num_parameters(), D.num_parameters()) == COUNTS[preset]


def test_the_states_of_the_reference_networks_have_the_keys_that_they_always_had():
    config = load_preset("reference")
    G, D = build_generator(config.generator, MNIST), build_discriminator(config.discriminator, MNIST)
    assert list(G.state_dict()) == [f"{i}.{part}" for i in (0, 2, 4, 6) for part in ("weight", "bias")]
    assert list(D.state_dict()) == [f"{i}.{part}" for i in (1, 4, 7, 10) for part in ("weight", "bias")]


# ---- sizes -----------------------------------------------------------------------------------------------

IMAGES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 8, 12)]
POINTS = [(1,), (2,)]
STYLES = [{}, {"activation": "relu", "norm": "batch"}, {"activation": "tanh", "norm": "layer", "dropout": 0.3}]


@pytest.mark.parametrize("network", ["mlp", "conv", "residual", "unet"])
def test_g_makes_samples_of_the_shape_asked_for(network):
    shapes = IMAGES + (POINTS if network == "mlp" else [])
    for shape, hidden, style in itertools.product(shapes, [(5,), (6, 4)], STYLES):
        for output in ("tanh", "sigmoid", "linear"):
            settings = GeneratorConfig(network=network, hidden=hidden, z_dim=3, output=output, **style)
            G = build_generator(settings, shape)
            x = G(mg.randn(2, *(shape if network == "unet" else (3,))))
            assert x.shape == (2, *shape)
            assert output == "linear" or abs(x.detach().numpy()).max() <= 1


@pytest.mark.parametrize("network", ["mlp", "conv", "residual", "maxout"])
def test_d_gives_the_outputs_asked_for_and_shows_its_features(network):
    shapes = IMAGES + (POINTS if network in ("mlp", "maxout") else [])
    for shape, hidden, style, outputs in itertools.product(shapes, [(5,), (6, 4)], STYLES, [1, 11]):
        settings = DiscriminatorConfig(network=network, hidden=hidden, pieces=2, input_dropout=0.2, **style)
        D = build_discriminator(settings, shape, outputs=outputs).eval()
        x = mg.randn(2, *shape)
        y, features = D(x), D.features(x)
        assert y.shape == (2, outputs)
        assert next(layer.p for layer in D if isinstance(layer, nn.Dropout)) == 0.2
        last = list(D)[-1]
        np.testing.assert_array_equal(last(features).detach().numpy(), y.detach().numpy())


def test_the_deepest_network_for_an_image_goes_down_to_one_pixel():
    assert conv_discriminator((3, 64, 64), [2] * 6)(mg.zeros(1, 3, 64, 64)).shape == (1, 1)
    assert conv_generator(3, [2] * 6, (3, 64, 64))(mg.zeros(1, 3)).shape == (1, 3, 64, 64)
    assert UNet((1, 8, 8), [2] * 3)(mg.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)


def test_features_of_a_d_that_gives_probabilities_are_those_before_its_last_linear_layer():
    D = Discriminator([nn.Linear(2, 4), nn.ReLU()], 4, output="probability").eval()
    x = mg.randn(3, 2)
    assert [type(layer).__name__ for layer in D] == ["Linear", "ReLU", "Linear", "Sigmoid"]
    with mg.no_grad():
        found, expected, copied = D.features(x), D[1](D[0](x)), copy.deepcopy(D).features(x)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    np.testing.assert_array_equal(found.numpy(), copied.numpy())


# ---- what the layers compute -----------------------------------------------------------------------------


def test_a_maxout_unit_is_the_largest_of_its_pieces():
    layer = Maxout(4, 3, pieces=5).double()
    x = np.random.default_rng(0).standard_normal((6, 4))
    w, b = (layer.linear.state_dict()[name].reshape(5, 3, -1) for name in ("weight", "bias"))
    expected = np.array([[max(w[j, i] @ row + b[j, i, 0] for j in range(5)) for i in range(3)] for row in x])
    np.testing.assert_allclose(layer(mg.tensor(x)).detach().numpy(), expected, rtol=1e-12)


def constant_weights(network):
    """All weights 1 and all biases 0."""
    for name, parameter in network.named_parameters():
        (nn.init.zeros_ if name.endswith("bias") else nn.init.ones_)(parameter)
    return network


def test_g_draws_no_checkerboard():
    G = constant_weights(conv_generator(3, [8, 4], MNIST, activation="relu", output="linear"))
    image = G(mg.ones(1, 3)).detach().numpy()[0, 0]
    assert len(np.unique(image[3:-3, 3:-3])) == 1  # 3: as far as the border of the smaller images reaches
    uneven = constant_weights(nn.ConvTranspose2d(1, 1, 3, stride=2))
    assert len(np.unique(uneven(mg.ones(1, 1, 14, 14)).detach().numpy()[0, 0, 3:-3, 3:-3])) == 3


def test_d_looks_at_each_pixel_equally_often():
    D = constant_weights(conv_discriminator(MNIST, [4, 8], activation="relu"))
    x = mg.ones(1, *MNIST, requires_grad=True)
    D(x).sum().backward()
    assert len(np.unique(x.grad[0, 0, 3:-3, 3:-3])) == 1


def test_in_the_middle_of_a_hole_of_half_the_size_the_u_net_sees_beyond_it():
    net = constant_weights(UNet(MNIST, [2, 2], activation="relu", output="linear"))
    x = mg.ones(1, *MNIST, requires_grad=True)
    net(x)[0, 0, 13, 13].backward()
    seen = x.grad[0, 0] != 0
    assert seen[:, 13].sum() > 20
    assert seen[5, 13]
    assert seen[22, 13]
    assert seen[13, 5]
    assert seen[13, 22]


def test_a_u_net_whose_bottom_is_silent_still_passes_details_beside_it():
    net = UNet(MNIST, [4, 4])
    for parameter in net.bottom.parameters():
        nn.init.zeros_(parameter)
    x = mg.randn(1, *MNIST).requires_grad_()
    net(x).sum().backward()
    assert (x.grad != 0).all()


TINY = {
    "mlp G": (lambda: mlp_generator(3, [4], (2,), activation="tanh", norm="layer"), (2, 3)),
    "conv G": (lambda: conv_generator(3, [2], (1, 2, 4), activation="tanh", norm="batch"), (2, 3)),
    "residual G": (lambda: residual_generator(3, [2], (1, 2, 2), norm="batch"), (2, 3)),
    "U-Net": (lambda: UNet((1, 4, 4), [2, 2], activation="sigmoid"), (1, 1, 4, 4)),
    "mlp D": (lambda: mlp_discriminator((3,), [4], activation="leaky_relu"), (2, 3)),
    "conv D": (lambda: conv_discriminator((1, 4, 4), [2], activation="tanh", outputs=2), (2, 1, 4, 4)),
    "residual D": (lambda: residual_discriminator((1, 4, 4), [2, 2], activation="tanh"), (2, 1, 4, 4)),
    "maxout D": (lambda: maxout_discriminator((3,), [4, 2], pieces=2, output="probability"), (2, 3)),
    "conv D with spectral norm": (lambda: spectral(conv_discriminator((1, 4, 4), [2])).eval(), (2, 1, 4, 4)),
}  # fmt: skip


def spectral(network):
    normalize_spectrally(network)
    return network


@pytest.mark.parametrize("name", TINY)
def test_gradients_of_both_orders_are_the_slopes(name):
    make, shape = TINY[name]
    network, x = make().double(), mg.randn(*shape, dtype=mg.float64).requires_grad_()
    assert mg.gradcheck(network, (x,))
    assert mg.gradgradcheck(network, (x,))


# ---- labels ----------------------------------------------------------------------------------------------


def test_labels_join_images_as_planes_and_points_as_numbers():
    seen = []

    class Looks(nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    images, labels = mg.randn(2, 3, 4, 5), mg.tensor([1, 0])
    for flat in (False, True):
        LabelledDiscriminator(Looks(), 2, flat=flat)(images, labels)
    planes = np.zeros((2, 2, 4, 5), np.float32)
    planes[0, 1] = planes[1, 0] = 1
    np.testing.assert_array_equal(seen[0].numpy(), np.concatenate([images.numpy(), planes], 1))
    flat = np.concatenate([images.numpy().reshape(2, -1), planes[..., 0, 0]], 1)
    np.testing.assert_array_equal(seen[1].numpy(), flat)
    assert seen[0].dtype == seen[1].dtype == np.float32


@pytest.mark.parametrize("network", ["mlp", "conv", "residual"])
def test_g_draws_by_label_and_its_gradient_reaches_the_weights_of_that_label_alone(network):
    settings = GeneratorConfig(network=network, hidden=(8,), z_dim=3)
    G = build_generator(settings, (1, 4, 4), classes=4)
    z = mg.randn(1, 3)
    one, two = (G(z, mg.tensor([label])) for label in (1, 2))
    assert not np.array_equal(one.detach().numpy(), two.detach().numpy())
    two.sum().backward()
    by_input = abs(next(G.parameters()).grad).sum(0)
    assert (by_input[3:] != 0).tolist() == [False, False, True, False]


@pytest.mark.parametrize("network", ["mlp", "conv", "residual", "maxout"])
def test_d_judges_by_label_and_shows_its_features_by_label(network):
    settings = DiscriminatorConfig(network=network, hidden=(8,))
    D = build_discriminator(settings, (1, 4, 4), classes=4, outputs=2)
    x = mg.randn(3, 1, 4, 4)
    a, b = (D(x, mg.full((3,), label, dtype=mg.int64)).detach().numpy() for label in (0, 3))
    assert a.shape == (3, 2)
    assert (a != b).all()
    assert D.features(x, mg.tensor([0, 1, 2])).shape[0] == 3


# ---- starts ----------------------------------------------------------------------------------------------


def test_weights_drawn_anew_are_of_the_distribution_asked_for():
    for kind, cdf in (("normal", stats.norm(0, 0.02).cdf), ("uniform", stats.uniform(-0.02, 0.04).cdf)):
        network = conv_generator(100, [64, 32], MNIST, norm="batch")
        nn.init.ones_(network[0].bias)
        draw_weights(network, kind, 0.02)
        for layer in network:
            if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
                assert stats.kstest(layer.weight.detach().numpy().ravel(), cdf).pvalue > 1e-3
                assert not layer.bias.detach().numpy().any()
        assert (network[2].weight.detach().numpy() == 1).all()


@pytest.mark.torch
@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("kind", ["xavier_uniform", "kaiming_normal", "orthogonal"])
def test_weights_whose_width_follows_from_the_layer_are_drawn_as_pytorch_users_draw_them(kind, activation, torch):
    """Each weight beside PyTorch's of the same shape: standard deviation, bounds, and what the singular values are."""
    draw = {
        "xavier_uniform": torch.nn.init.xavier_uniform_,
        "kaiming_normal": lambda w: torch.nn.init.kaiming_normal_(w, a=0.3, nonlinearity=activation),
        "orthogonal": torch.nn.init.orthogonal_,
    }[kind]
    settings = {"init": kind, "activation": activation, "negative_slope": 0.3, "norm": "batch"}
    for network in (
        build_generator(GeneratorConfig(network="conv", hidden=(64, 32), **settings), MNIST),
        build_discriminator(DiscriminatorConfig(hidden=(128, 64), **settings), MNIST),
    ):
        layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
        assert len(layers) == 3
        for layer in layers:
            ours, theirs = layer.weight.detach().numpy(), draw(torch.empty(layer.weight.shape)).numpy()
            assert ours.std() == pytest.approx(theirs.std(), rel=5 / np.sqrt(ours.size))
            if kind == "xavier_uniform":
                assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=20 / ours.size)
            if kind == "orthogonal":
                values = [np.linalg.svd(w.reshape(len(w), -1), compute_uv=False) for w in (ours, theirs)]
                np.testing.assert_allclose(*values, atol=1e-5)
            assert not layer.bias.detach().numpy().any()


def test_maxout_units_are_drawn_for_a_relu():
    D = build_discriminator(DiscriminatorConfig(network="maxout", hidden=(100,), init="kaiming_normal"), MNIST)
    weight = next(p for p in D.parameters() if p.ndim > 1).detach().numpy()
    assert weight.std() == pytest.approx(np.sqrt(2 / 784), rel=5 / np.sqrt(weight.size))


def test_weights_that_are_not_drawn_anew_are_those_of_the_layers_themselves():
    mg.manual_seed(7)
    expected = [nn.Linear(784, 16).weight.detach().numpy(), nn.Linear(16, 1).weight.detach().numpy()]
    mg.manual_seed(7)
    D = build_discriminator(DiscriminatorConfig(hidden=(16,)), MNIST)
    for layer, weight in zip([D[1], D[3]], expected, strict=True):
        np.testing.assert_array_equal(layer.weight.detach().numpy(), weight)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_settings_of_a_player_reach_its_weights(kind):
    settings = {"hidden": (4,), "init": kind, "init_scale": 1e-3, "spectral_norm": True}
    for network in (
        build_generator(GeneratorConfig(**settings), (2,), classes=3).network,
        build_discriminator(DiscriminatorConfig(network="maxout", **settings), (2,), classes=3).network,
    ):
        state = network.state_dict()
        drawn = [value for name, value in state.items() if name.endswith("weight_orig")]
        assert len(drawn) == 2
        assert all(0 < abs(value).max() < 6e-3 for value in drawn)
        assert not any(value.any() for name, value in state.items() if name.endswith("bias"))


def test_the_settings_of_a_player_reach_its_batch_norms():
    settings = {"hidden": (4, 4), "norm": "batch", "norm_eps": 0.3, "norm_momentum": 0.2}
    for network in (
        *(build_generator(GeneratorConfig(network=kind, **settings), (1, 8, 8)) for kind in (*GENERATORS, "unet")),
        *(build_discriminator(DiscriminatorConfig(network=kind, **settings), (1, 8, 8)) for kind in DISCRIMINATORS),
    ):
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        assert norms
        assert {(layer.eps, layer.momentum) for layer in norms} == {(0.3, 0.2)}


def test_the_output_bias_lets_g_start_at_the_mean_image():
    images = load_mnist()[0][:2000].reshape(-1, *MNIST)
    mean = images.mean(0) / 127.5 - 1
    for classes in (0, 10):
        G = build_generator(GeneratorConfig(hidden=(8,), output="sigmoid"), MNIST, classes).double()
        last = [layer for layer in G.modules() if isinstance(layer, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        set_output_bias(G, mean)
        drawn = G(mg.randn(1, 100, dtype=mg.float64), *([mg.tensor([3])] if classes else []))
        np.testing.assert_allclose(drawn.detach().numpy()[0], mean, atol=2.1e-7)  # 1e-7 of [0, 1] is 2e-7 of [-1, 1]
        assert abs(last.bias.detach().numpy()).max() == pytest.approx(np.log(1e7), rel=1e-6)  # where all are black


@pytest.mark.parametrize("network", ["mlp", "conv", "residual", "maxout"])
def test_spectral_norm_makes_each_layer_stretch_by_one_at_most(network):
    settings = DiscriminatorConfig(network=network, hidden=(6, 4), spectral_norm=True)
    D = build_discriminator(settings, (2, 8, 8)).double()
    x = mg.randn(2, 2, 8, 8, dtype=mg.float64)
    with mg.no_grad():
        for _ in range(300):
            D(x)
    weighted = [layer for layer in D.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert len(weighted) == {"mlp": 3, "conv": 3, "residual": 7, "maxout": 3}[network]
    for layer in weighted:
        matrix = layer.weight.detach().numpy().reshape(len(layer.weight), -1)
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, abs=1e-6)


# ---- errors ----------------------------------------------------------------------------------------------


def test_an_image_that_cannot_be_halved_is_refused_with_a_size_that_can():
    message = r"multiples of 8, but the images are 28 x 20. Resize them, for example by data.size=32, or give fewer"
    for make in (
        lambda: conv_generator(3, [4, 4, 4], (1, 28, 20)),
        lambda: conv_discriminator((1, 28, 20), [4, 4, 4]),
        lambda: residual_generator(3, [4, 4, 4], (1, 28, 20)),
        lambda: residual_discriminator((1, 28, 20), [4, 4, 4]),
        lambda: UNet((1, 28, 20), [4, 4, 4]),
    ):
        with pytest.raises(mg.ShapeError, match=message):
            make()
    with pytest.raises(mg.ShapeError, match=r"the images are 0 x 0. Resize them, for example by data.size=2,"):
        conv_discriminator((1, 0, 0), [4])


def test_points_and_no_blocks_at_all_are_refused_by_convolutions():
    for make in (
        lambda shape, hidden: conv_generator(3, hidden, shape),
        lambda shape, hidden: residual_generator(3, hidden, shape),
        conv_discriminator,
        residual_discriminator,
        UNet,
    ):
        with pytest.raises(mg.ShapeError, match=r"Convolutions need images \(C, H, W\), but .* the shape \(2,\)"):
            make((2,), [4])
        with pytest.raises(mg.ConfigError, match="hidden: expected the channels of at least one block"):
            make(MNIST, [])


def test_names_that_do_not_exist_are_refused_with_those_that_do():
    for make, message in (
        (lambda: mlp_generator(3, [4], (2,), activation="gelu"), "activation: expected one of leaky_relu, relu, tanh"),
        (lambda: mlp_generator(3, [4], (2,), norm="group"), "norm: expected one of none, batch, layer, but"),
        (lambda: mlp_generator(3, [4], (2,), norm="instance"), 'norm: "instance" is for images, not for what Linear'),
        (lambda: conv_generator(3, [4], MNIST, norm="group"), "norm: expected one of none, batch, layer, instance"),
        (lambda: mlp_generator(3, [4], (2,), output="relu"), "output: expected one of tanh, sigmoid, linear"),
        (lambda: mlp_discriminator((2,), [4], output="logits"), 'output: expected "logit" or "probability"'),
        (lambda: draw_weights(nn.Linear(2, 2), "xavier", 1.0), "init: expected one of normal, uniform, xavier_unif"),
        (lambda: build_generator(GeneratorConfig(network="maxout"), (2,)), "generator.network: expected one of mlp"),
        (
            lambda: build_discriminator(DiscriminatorConfig(network="unet"), (2,)),
            "discriminator.network: expected one of mlp",
        ),
    ):
        with pytest.raises(mg.ConfigError, match=message):
            make()


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(mg.ConfigError, match='"unet" makes images of images and is told no labels'):
        build_generator(GeneratorConfig(network="unet"), MNIST, classes=10)
    with pytest.raises(mg.ConfigError, match='discriminator.output: a D that tells classes gives logits; set it to "l'):
        build_discriminator(DiscriminatorConfig(output="probability"), MNIST, outputs=2)
    for G in (mlp_generator(3, [4], MNIST), conv_generator(3, [4], MNIST, output="sigmoid")):
        with pytest.raises(mg.ConfigError, match='Set generator.network="mlp" and generator.output="sigmoid"'):
            set_output_bias(G, np.zeros(MNIST))
    with pytest.raises(mg.ShapeError, match="expected a mean of 784 values, but got 4"):
        set_output_bias(mlp_generator(3, [4], MNIST, output="sigmoid"), np.zeros(4))


def test_labels_that_do_not_exist_or_do_not_fit_are_refused():
    G = build_generator(GeneratorConfig(hidden=(4,), z_dim=3), (2,), classes=10)
    D = build_discriminator(DiscriminatorConfig(network="conv", hidden=(4,)), MNIST, classes=10)
    for network, x in ((G, mg.zeros(2, 3)), (D, mg.zeros(2, *MNIST))):
        for label in (10, -1):
            with pytest.raises(mg.IndexRangeError, match=f"labels: expected indices from 0 to 9, but got {label}. The"):
                network(x, mg.tensor([0, label]))
        with pytest.raises(mg.DTypeError, match="labels: expected whole numbers"):
            network(x, mg.tensor([0.0, 1.0]))
        with pytest.raises(
            mg.ShapeError, match=r"labels: expected one for each sample, \(N,\), but got \(3,\) for \(2"
        ):
            network(x, mg.tensor([0, 1, 2]))
