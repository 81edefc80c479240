"""Functions take their arguments by PyTorch's names, and methods too."""

import numpy as np
import pytest

import minigan as mg

pytestmark = pytest.mark.torch
X = np.array([[0.5, -1.5, 2.0], [1.0, 3.0, -0.25]])
Y = np.array([[1.5, 2.5, -1.0], [0.75, 1.0, 2.0]])
INDEX = np.array([[0, 2], [1, 0]])


def whole(lib, name):
    """The function of this name, "f." standing for nn.functional and "x." for a method of X."""
    home, _, last = name.rpartition(".")
    return getattr({"": lib, "f": lib.nn.functional, "x": tensor_of(lib, X)}[home], last)


def tensor_of(lib, x):
    if isinstance(x, list) and isinstance(x[0], np.ndarray):
        return [tensor_of(lib, part) for part in x]
    return lib.tensor(x) if isinstance(x, np.ndarray) else x


CALLS = [
    ("add", {"input": X, "other": Y}),
    ("exp", {"input": X}),
    ("pow", {"input": X, "exponent": 2}),
    ("where", {"condition": X > 0, "input": X, "other": Y}),
    ("maximum", {"input": X, "other": Y}),
    ("clamp", {"input": X, "min": -1.0, "max": 1.0}),
    ("clamp", {"input": X, "min": Y}),
    *[(name, {"input": X, "dim": 1, "keepdim": True})
      for name in ("sum", "mean", "var", "std", "amax", "amin", "argmax", "argmin", "logsumexp")],
    *[(name, {"input": X, "dim": 0, "unbiased": False, "keepdim": True}) for name in ("var", "std")],
    *[(name, {"input": X, "dim": 0, "correction": 0}) for name in ("var", "std")],
    *[(name, {"input": X, "unbiased": False}) for name in ("var", "std")],
    ("norm", {"input": X, "p": 1, "dim": (0, 1), "keepdim": True}),
    ("softmax", {"input": X, "dim": 1}),
    ("log_softmax", {"input": X, "dim": 1}),
    ("reshape", {"input": X, "shape": (3, 2)}),
    ("flatten", {"input": X, "start_dim": 0, "end_dim": 1}),
    ("permute", {"input": X, "dims": (1, 0)}),
    ("transpose", {"input": X, "dim0": 0, "dim1": 1}),
    ("squeeze", {"input": X, "dim": 0}),
    ("unsqueeze", {"input": X, "dim": 0}),
    ("flip", {"input": X, "dims": (0, 1)}),
    ("cat", {"tensors": [X, Y], "dim": 1}),
    ("stack", {"tensors": [X, Y], "dim": 1}),
    ("split", {"tensor": X, "split_size_or_sections": [1, 2], "dim": 1}),
    ("chunk", {"input": X, "chunks": 2, "dim": 1}),
    ("gather", {"input": X, "dim": 1, "index": INDEX}),
    ("matmul", {"input": X, "other": Y.T.copy()}),
    ("bmm", {"input": X[None], "mat2": Y.T.copy()[None]}),
    ("f.linear", {"input": X, "weight": Y, "bias": Y[:, 0].copy()}),
    ("f.pad", {"input": X, "pad": (1, 1), "mode": "constant", "value": 2.0}),
    ("f.one_hot", {"input": INDEX, "num_classes": 4}),
    ("f.softplus", {"input": X, "beta": 2.0, "threshold": 1.0}),
    ("f.leaky_relu", {"input": X, "negative_slope": 0.3}),
    ("f.relu", {"input": X}),
    ("f.logsigmoid", {"input": X}),
    ("f.softmax", {"input": X, "dim": 0}),
    ("x.add", {"other": Y}),
    ("x.pow", {"exponent": 2}),
    ("x.clamp", {"max": 0.5}),
    ("x.sum", {"dim": 1, "keepdim": True}),
    ("x.norm", {"p": 2, "dim": 1}),
    ("x.std", {"dim": 1, "correction": 0}),
    ("x.softmax", {"dim": 1}),
    ("x.reshape", {"shape": (3, 2)}),
    ("x.permute", {"dims": (1, 0)}),
    ("x.flip", {"dims": (0,)}),
    ("x.expand", {"size": (2, 2, 3)}),
    ("x.gather", {"dim": 1, "index": INDEX}),
    ("x.matmul", {"other": Y.T.copy()}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=lambda part: part if type(part) is str else ",".join(part))
def test_a_call_by_keywords_gives_what_it_gives_in_pytorch(torch, name, arguments):
    found, expected = (
        whole(lib, name)(**{key: tensor_of(lib, value) for key, value in arguments.items()}) for lib in (mg, torch)
    )
    found, expected = (y if isinstance(y, tuple) else (y,) for y in (found, expected))
    for y, expected_y in zip(found, expected, strict=True):
        assert y.dtype == str(expected_y.dtype).removeprefix("torch.")
        np.testing.assert_allclose(y.numpy(), expected_y.numpy(), rtol=1e-12)


@pytest.mark.parametrize("dim", [(), [], None])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "amax", "amin", "norm"])
def test_no_dimension_means_all_of_them(torch, name, dim):
    found, expected = (getattr(lib, name)(lib.tensor(X), dim=dim) for lib in (mg, torch))
    assert found.shape == ()
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


def test_but_squeeze_and_flip_of_no_dimension_change_nothing(torch):
    for dims in ((), []):
        assert mg.zeros(1, 2).squeeze(dims).shape == tuple(torch.zeros(1, 2).squeeze(dims).shape) == (1, 2)
        assert mg.tensor(X).flip(dims).tolist() == X.tolist()
