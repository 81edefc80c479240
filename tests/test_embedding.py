"""Embedding is PyTorch's: values, gradients, second order, padding, state; and it refuses what names no row."""

import numpy as np
import pytest
from scipy import stats
from test_nn import assert_same, draw, ours, theirs

import minigan as mg
from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend

torch_test = pytest.mark.torch
INDICES = {"vector": [2, 0, 2, 4], "matrix": [[1, 1, 1], [0, 4, 3]], "scalar": 3, "none": np.zeros((0, 2), np.int64)}
every_shape = pytest.mark.parametrize("indices", INDICES.values(), ids=INDICES.keys())


def pair(torch, **options):
    module, reference = mg.nn.Embedding(5, 3, **options).double(), torch.nn.Embedding(5, 3, **options).double()
    module.load_state_dict(reference.state_dict())
    return module, reference


@torch_test
@every_shape
@pytest.mark.parametrize("padding", [None, 0, 2, -1, -5])
def test_values_gradients_and_second_order_are_pytorchs(torch, indices, padding):
    module, reference = pair(torch, padding_idx=padding)
    found = ours(lambda: module(mg.tensor(indices)), [], [module.weight])
    assert_same(found, theirs(torch, lambda: reference(torch.tensor(indices)), [], [reference.weight]))
    assert module.padding_idx == reference.padding_idx


@torch_test
@pytest.mark.parametrize("padding", [None, 2])
def test_twenty_steps_of_training_are_pytorchs(torch, padding):
    module, reference = pair(torch, padding_idx=padding)
    optimizer = mg.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    expected = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=0.9)
    for step in range(20):
        labels = np.random.default_rng(step).integers(0, 5, (4,))
        optimizer.zero_grad(), expected.zero_grad()
        (module(mg.tensor(labels)) ** 2).sum().backward()
        (reference(torch.tensor(labels)) ** 2).sum().backward()
        optimizer.step(), expected.step()
        np.testing.assert_allclose(module.weight.data, reference.weight.detach().numpy(), rtol=1e-9, atol=1e-9)


@torch_test
def test_the_function_is_pytorchs(torch):
    x, w = np.array([[2, 0], [1, 2]]), draw(3, 4)
    found = mg.nn.functional.embedding(x, w, padding_idx=1)
    expected = torch.nn.functional.embedding(torch.tensor(x), torch.tensor(w), padding_idx=1)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


@torch_test
def test_state_dicts_have_pytorchs_keys(torch):
    assert list(mg.nn.Embedding(5, 3).state_dict()) == list(torch.nn.Embedding(5, 3).state_dict())


def test_the_table_starts_normal_and_the_padding_as_zeros():
    table = mg.nn.Embedding(300, 40, padding_idx=-1).weight.detach().numpy()
    assert stats.kstest(table[:-1].ravel(), "norm").pvalue > 1e-3
    assert not table[-1].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_shape
def test_the_gradient_of_numpy_is_the_specified_one(indices, dtype):
    class Specification(Backend):
        xp = np

    indices = np.array(indices)
    gy = draw(*indices.shape, 3).astype(dtype)
    found, expected = (backend().embedding_grad(gy, indices, 5) for backend in (NumpyBackend, Specification))
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_indices_changed_after_the_forward_pass_are_noticed():
    layer, labels = mg.nn.Embedding(5, 3), mg.tensor([1, 2])
    y = layer(labels).sum()
    labels[0] = 4
    with pytest.raises(mg.StaleGraphError):
        y.backward()


nn = mg.nn
BAD = {
    "too large": (lambda: nn.Embedding(5, 3)(mg.tensor([1, 5])), mg.errors.IndexRangeError,
                  ["from 0 to 4", "5 embeddings", "got 5"]),
    "negative": (lambda: nn.Embedding(5, 3)(mg.tensor([-1, 7])), mg.errors.IndexRangeError, ["from 0 to 4", "got -1"]),
    "an empty table": (lambda: nn.Embedding(0, 3)(mg.tensor([0])), mg.errors.IndexRangeError, ["0 embeddings"]),
    "floats": (lambda: nn.Embedding(5, 3)(mg.ones(2)), mg.DTypeError, ["whole numbers", "float32", "mg.int64"]),
    "booleans": (lambda: nn.Embedding(5, 3)(mg.ones(2) > 0), mg.DTypeError, ["whole numbers", "bool"]),
    "a list": (lambda: nn.Embedding(5, 3)([1]), mg.DTypeError, ["Embedding(5, 3)", "type list", "mg.tensor"]),
    "negative size": (lambda: nn.Embedding(-5, 3), mg.ShapeError, ["Embedding", "num_embeddings", "-5"]),
    "size of float": (lambda: nn.Embedding(5, 3.0), mg.DTypeError, ["Embedding", "embedding_dim", "3.0"]),
    "padding": (lambda: nn.Embedding(5, 3, padding_idx=5), mg.errors.IndexRangeError,
                ["padding_idx", "-5 to 4", "got 5"]),
    "no matrix": (lambda: nn.functional.embedding(mg.tensor([0]), mg.ones(3)), mg.ShapeError, ["weight", "got (3,)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_what_was_expected(name):
    call, error, words = BAD[name]
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_row_that_is_not_there_is_an_index_error_too():
    with pytest.raises(IndexError):
        nn.Embedding(5, 3)(mg.tensor([9]))
