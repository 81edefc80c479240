"""What a tensor is to the outside: Python's operators and protocols, NumPy's arrays, printing, making and moving."""

import copy

import numpy as np
import pytest

import minigan as mg

# ---- identity, comparison, truth -------------------------------------------------------------------------


def test_tensors_compare_elementwise_and_hash_by_identity():
    x, y = mg.tensor([1.0, 2.0]), mg.tensor([1.0, 3.0])
    assert (x == y).tolist() == [True, False]
    assert (x != y).tolist() == [False, True]
    assert (x < 2).tolist() == [True, False]
    assert (2 > x).tolist() == [True, False]  # noqa: SIM300
    assert (x >= np.array([0.0, 5.0])).tolist() == [True, False]
    assert (np.array([0.0, 5.0]) <= x).tolist() == [True, False]
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"


def test_the_truth_of_one_element_is_its_own_and_of_several_is_refused():
    assert mg.tensor([[1.0]])
    assert not mg.tensor(0)
    with pytest.raises(mg.ShapeError, match="2 elements is ambiguous"):
        bool(mg.zeros(2))


def test_numbers_come_out_of_single_elements_only():
    x = mg.tensor([[2.5]], requires_grad=True)
    assert (x.item(), float(x), int(x)) == (2.5, 2.5, 2)
    assert type(mg.tensor(3).item()) is int
    assert [10, 20, 30][mg.tensor(1)] == 20
    with pytest.raises(mg.ShapeError, match=r"\(2,\)"):
        mg.zeros(2).item()
    with pytest.raises(mg.DTypeError, match="float32"):
        [10, 20][mg.tensor(1.0)]


def test_length_and_iteration_run_over_the_first_dimension():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(x) == 2
    a, b = x
    (a * b).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    with pytest.raises(mg.ShapeError, match="0-d"):
        len(mg.tensor(1.0))


# ---- beside NumPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["__add__", "__sub__", "__mul__", "__truediv__", "__pow__", "__matmul__"])
def test_an_array_on_the_left_reaches_the_tensor_and_its_gradient(op):
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = mg.tensor([[0.5, 1.5], [2.5, 0.25]], dtype=mg.float64, requires_grad=True)
    infix = {"__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/", "__pow__": "**", "__matmul__": "@"}
    y = eval(f"array {infix[op]} x")
    assert isinstance(y, mg.Tensor)
    np.testing.assert_allclose(y.detach().numpy(), getattr(array, op)(x.data))
    y.sum().backward()
    assert x.grad.any()


def test_a_numpy_function_of_a_tensor_with_a_gradient_raises_and_of_others_works():
    x = mg.tensor([1.0, 2.0])
    assert np.asarray(x) is not None
    assert np.asarray(x).tolist() == [1.0, 2.0]
    assert np.array(x, dtype=np.float64).dtype == np.float64
    assert np.concatenate([x, x]).tolist() == [1.0, 2.0, 1.0, 2.0]
    for read in (np.asarray, np.array, lambda x: x.numpy()):
        with pytest.raises(mg.GraphError, match="detach"):
            read(x * mg.ones(2, requires_grad=True))


def test_numpy_shares_memory_with_the_tensor():
    x = mg.tensor([1.0, 2.0])
    x.numpy()[0] = 7.0
    assert x.tolist() == [7.0, 2.0]
    assert np.shares_memory(np.asarray(x), x.data)


def test_a_tensor_copies_and_as_tensor_and_dlpack_share():
    array = np.array([1.0, 2.0])
    copied, shared, exported = mg.tensor(array), mg.as_tensor(array), mg.from_dlpack(mg.as_tensor(array))
    array[0] = 7.0
    assert copied.tolist() == [1.0, 2.0]
    assert shared.tolist() == exported.tolist() == [7.0, 2.0]
    with pytest.raises(mg.GraphError, match="detach"):
        np.from_dlpack(mg.ones(1, requires_grad=True))


def test_a_copy_of_a_tensor_is_a_leaf_and_as_tensor_keeps_the_tape():
    x = mg.ones(2, requires_grad=True)
    y = x * 2
    assert mg.as_tensor(y) is y
    assert mg.tensor(y).is_leaf
    assert not np.shares_memory(mg.tensor(x).data, x.data)


def test_a_list_of_tensors_becomes_one():
    assert mg.tensor([mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0])]).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_arrays_of_subclasses_become_plain_ones():
    matrix = np.ones((2, 2)).view(type("Special", (np.ndarray,), {}))
    assert type(mg.as_tensor(matrix).data) is np.ndarray
    assert mg.as_tensor(matrix).shape == (2, 2)


ARRAY = np.linspace(0.1, 0.9, 12).reshape(4, 3)
ON_ARRAYS = {
    "mean": mg.mean, "var": mg.var, "std": mg.std, "sum": mg.sum, "amax": mg.amax, "argmin": mg.argmin,
    "max": lambda x: mg.max(x, 0).values, "flatten": mg.flatten, "squeeze": mg.squeeze,
    "permute": lambda x: mg.permute(x, 1, 0), "norm": mg.norm, "flip": lambda x: mg.flip(x, (0,)),
    "logsumexp": lambda x: mg.logsumexp(x, 1), "softmax": lambda x: mg.softmax(x, 1), "relu": mg.relu,
    "log_softmax": lambda x: mg.log_softmax(x, 1), "gather": lambda x: mg.gather(x, 0, np.array([[1, 0, 3]])),
    "pad": lambda x: mg.nn.functional.pad(x, (1, 1)), "bmm": lambda x: mg.bmm(x[None], x.T[None]),
    "one_hot": lambda x: mg.nn.functional.one_hot(np.array([1, 0])) * x[:1, :1], "two": lambda x: mg.max(x, x * 2),
    "bounds": lambda x: mg.clamp(x, x * 0.5, x[0]),
    "unsqueeze": lambda x: mg.unsqueeze(x, 0), "transpose": lambda x: mg.transpose(x, 0, 1),
    "split": lambda x: mg.split(x, 2)[0], "chunk": lambda x: mg.chunk(x, 2)[1], "stack": lambda x: mg.stack([x, x]),
    "cat": lambda x: mg.cat([x, x]), "expand": lambda x: mg.expand(x, 2, 4, 3), "clamp": lambda x: mg.clamp(x, 0.5),
    "where": lambda x: mg.where(x > 0.5, x, 0.0), "pow": lambda x: mg.pow(x, 2), "base": lambda x: mg.pow(2.0, x),
    "softplus": mg.nn.functional.softplus, "leaky_relu": lambda x: mg.nn.functional.leaky_relu(x, -0.1),
    "dropout": mg.nn.functional.dropout, "evaluated dropout": lambda x: mg.nn.functional.dropout(x, training=False),
    "linear": lambda x: mg.nn.functional.linear(x, x), "matmul": lambda x: mg.matmul(x, x.T),
    "batch_norm": lambda x: mg.nn.functional.batch_norm(x, None, None, training=True),
    "bce": lambda x: mg.nn.functional.binary_cross_entropy(x, x), "mse": lambda x: mg.nn.functional.mse_loss(x, x * 2),
    "bce_with_logits": lambda x: mg.nn.functional.binary_cross_entropy_with_logits(x, x),
    "modules": mg.nn.Sequential(mg.nn.Flatten(), mg.nn.Linear(3, 2, dtype=mg.float64), mg.nn.Tanh(), mg.nn.Dropout()),
    "norm module": mg.nn.BatchNorm1d(3).double(),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_operations_take_numpy_arrays_as_tensors_without_a_gradient(name):
    y, expected = (ON_ARRAYS[name](seeded(x)) for x in (ARRAY, mg.tensor(ARRAY)))
    assert isinstance(y, mg.Tensor)
    assert y.dtype == expected.dtype
    assert (y.detach().numpy() == expected.detach().numpy()).all()


def seeded(x):
    mg.set_step(0)
    return x


# ---- printing --------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("data", [
    [1.0, 2.5], [1.0, 2.0], [], 3.0, 3, [True, False], [[1.5, -2.25], [1e-3, 100.0]], [1e-9, 1.0], [1e8, 1.5],
    [0.0, 0.00005], [-0.1], [1e6, 2e6], [1.0, 5000.0], [float("inf"), 2.0], [float("nan"), -1.5], [0.5, 900.0],
])  # fmt: skip
def test_a_tensor_prints_as_in_pytorch(torch, data):
    assert repr(mg.tensor(data)) == repr(torch.tensor(data))


@pytest.mark.parametrize("data", [
    [np.nan], [np.nan, 1.5], [np.inf], [-np.inf, 1.5, np.nan], [0.0], np.zeros((0, 3)), np.full((40, 40), 0.5),
    np.float16(1.5), np.array([1e30, 1e-30]), np.array([1e308, 1e308]), np.uint8(3),
])  # fmt: skip
def test_every_tensor_can_be_printed(data):
    assert repr(mg.tensor(data)).startswith("tensor(")


def test_a_print_says_what_is_unusual():
    x = mg.tensor([1.5], dtype=mg.float64, requires_grad=True)
    assert repr(x) == "tensor([1.5000], dtype=float64, requires_grad=True)"
    assert repr(mg.exp(x * 0)) == "tensor([1.], dtype=float64, grad_fn=<exp>)"


# ---- making, moving, copying -----------------------------------------------------------------------------


def test_factories_take_a_shape_as_numbers_or_as_one_tuple():
    for make in (mg.zeros, mg.ones, mg.rand, mg.randn):
        assert make(2, 3).shape == make((2, 3)).shape == make([2, 3]).shape == (2, 3)
        assert make(()).shape == ()
        assert make(0, 3).shape == (0, 3)
        assert make(3).dtype == np.float32
        assert make(3, dtype=mg.float64, requires_grad=True).requires_grad
    assert mg.full((2,), 7).dtype == np.int64
    assert mg.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_to_takes_devices_and_types_in_any_order():
    x = mg.tensor([1.5])
    assert x.to("cpu") is x
    assert x.to(mg.device("cpu"), mg.float64).dtype == np.float64
    assert x.to(mg.int64, "cpu").dtype == np.int64
    assert x.to(device="cpu", dtype="float64").dtype == np.float64
    with pytest.raises(mg.DeviceError):
        x.to("cuda:99")


def test_a_deep_copy_shares_nothing():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.grad is None
    with mg.no_grad():
        y += 1
    (y * 3).sum().backward()
    assert x.tolist() == [1.0, 2.0]
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(mg.GraphError, match="detach"):
        copy.deepcopy(x * 2)


@pytest.mark.torch
def test_methods_and_functions_are_pytorchs_by_name(torch):
    own = {"is_leaf", "data", "grad", "name", "node", "base", "version", "count_change", "owner", "shows_result"}
    for name in (n for n in dir(mg.Tensor) if not n.startswith("_") and n not in own):
        assert hasattr(torch.Tensor, name), name
    own = {
        "Tensor", "Device", "grad", "gradcheck", "gradgradcheck", "set_step", "bool_", "expand", "get_default_device",
        "load", "save", "capture",
    }  # fmt: skip
    public = [name for name, value in vars(mg).items() if callable(value) and not name.startswith("_")]
    missing = {name for name in public if not hasattr(torch, name) and not name.endswith("Error")} - own
    assert not missing
