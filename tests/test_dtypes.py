"""float32 stays float32, in values and gradients, whatever numbers stand beside it; mixtures promote as in PyTorch."""

import itertools
import operator

import numpy as np
import ops_table
import pytest

import minigan as mg

CASES = ops_table.cases(kinks=True)
every_case = pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())


def leaves(entry, arrays):
    return ops_table.tensors(entry, arrays, lambda array: mg.as_tensor(array).float())


def required(xs):
    return [x for x in xs if x.requires_grad]


@every_case
def test_float32_stays_float32_in_value_gradient_and_second_order_gradient(entry, arrays):
    xs = leaves(entry, arrays)
    ys = ops_table.outputs(entry.run(mg, *xs))
    gxs = mg.grad(sum((y * y).sum() for y in ys), required(xs), create_graph=True, allow_unused=True)
    gxs = [gx for gx in gxs if gx is not None]
    ggxs = mg.grad(sum((gx * gx).sum() for gx in gxs), required(xs), allow_unused=True)
    assert {z.dtype for z in (*ys, *gxs, *ggxs) if z is not None} == {np.dtype(np.float32)}


@every_case
def test_backward_leaves_float32_gradients(entry, arrays):
    xs = leaves(entry, arrays)
    ys = ops_table.outputs(entry.run(mg, *xs))
    sum(y.sum() for y in ys).backward()
    assert {x.grad.dtype for x in required(xs) if x.grad is not None} == {np.dtype(np.float32)}


SCALARS = {
    "python float": 2.0,
    "python int": 2,
    "python bool": True,
    "numpy float64": np.float64(2),
    "numpy float32": np.float32(2),
    "numpy int64": np.int64(2),
    "numpy bool": np.True_,
    "0-d float64 array": np.array(2.0),
    "0-d float64 tensor": mg.tensor(2.0, dtype=mg.float64),
    "0-d int64 tensor": mg.tensor(2),
}
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS.keys())
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_scalar_on_either_side_leaves_float32_as_it_is(op, scalar, shape):
    if not shape and isinstance(scalar, mg.Tensor | np.ndarray) and scalar.dtype == np.float64:
        shape = (1,)  # of two 0-d tensors the wider type wins
    x = mg.full(shape, 1.5, requires_grad=True)
    for y in (op(x, scalar), op(scalar, x)):
        x.grad = None
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32
    expected = op(1.5, float(scalar)), op(float(scalar), 1.5)
    found = op(x, scalar).sum().item() / x.numel(), op(scalar, x).sum().item() / x.numel()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@every_case
def test_numpy_scalars_around_an_operation_leave_float32_as_it_is(entry, arrays):
    xs = leaves(entry, arrays)
    around = [np.float64(1) * x * np.float64(1) + np.float64(0) for x in xs]
    ys = ops_table.outputs(entry.run(mg, *around))
    np.float64(0.5) * sum((y * np.float64(2)).sum() for y in ys)
    sum((y * np.float64(2)).sum() * np.float64(0.5) for y in ys).backward()
    assert {z.dtype for z in ys} == {np.dtype(np.float32)}
    assert {x.grad.dtype for x in required(xs) if x.grad is not None} == {np.dtype(np.float32)}


SETTINGS = {
    "leaky_relu": lambda x, s: mg.nn.functional.leaky_relu(x, s),
    "softplus": lambda x, s: mg.nn.functional.softplus(x, s),
    "clamp": lambda x, s: mg.clamp(x, -s, s),
    "pow": lambda x, s: mg.pow(x, s),
    "base": lambda x, s: mg.pow(s, x),
    "dropout": lambda x, s: mg.nn.functional.dropout(x, s),
    "var": lambda x, s: mg.var(x, correction=s),
    "batch_norm": lambda x, s: mg.nn.functional.batch_norm(x, None, None, training=True, momentum=s, eps=s),
    "where": lambda x, s: mg.where(x > s, x, s),
    "pos_weight": lambda x, s: mg.nn.functional.binary_cross_entropy_with_logits(x, x.detach(), pos_weight=s),
    "full": lambda x, s: x * mg.full((3,), s, dtype=mg.float32),
    "maximum": lambda x, s: mg.maximum(s, x),
}


@pytest.mark.parametrize("kind", [np.float64, np.float32, float])
@pytest.mark.parametrize("name", SETTINGS)
def test_numpy_scalars_as_settings_leave_float32_as_it_is(name, kind):
    x = mg.tensor([[0.3, 0.6, 0.9], [0.2, 0.5, 0.7]], requires_grad=True)
    y = SETTINGS[name](x, kind(0.25))
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_a_whole_network_with_its_loss_and_optimizer_stays_float32():
    net = mg.nn.Sequential(
        mg.nn.Linear(3, 4), mg.nn.BatchNorm1d(4, eps=np.float64(1e-5), momentum=np.float64(0.1)),
        mg.nn.LeakyReLU(np.float64(0.2)), mg.nn.Dropout(np.float64(0.5)), mg.nn.Linear(4, 1),
    )  # fmt: skip
    optimizer = mg.optim.Adam(net.parameters(), lr=np.float64(0.01), weight_decay=np.float64(0.1))
    loss = mg.nn.BCEWithLogitsLoss()(net(mg.randn(8, 3)), np.ones((8, 1), np.float32)) * np.float64(0.5)
    loss.backward()
    optimizer.step()
    state = (*net.parameters(), *[b for b in net.buffers() if b.ndim], loss)
    assert {tensor.dtype for tensor in state} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}


# ---- promotion -------------------------------------------------------------------------------------------

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
OPERANDS = [*itertools.product(DTYPES, [(), (2,)]), *[(kind, None) for kind in (bool, int, float)]]


def operand(lib, dtype, shape):
    if shape is None:
        return dtype(1)
    array = np.ones(shape, dtype)
    return mg.tensor(array) if lib is mg else lib.tensor(array)


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def pairs_with_a_tensor():
    return [(a, b) for a in OPERANDS for b in OPERANDS if a[1] is not None or b[1] is not None]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["add", "mul", "maximum", "where"])
def test_results_have_pytorchs_type_for_every_pair_of_types_and_dimensions(torch, name):
    condition = mg.tensor(True), torch.tensor(True)
    for a, b in pairs_with_a_tensor():
        if name == "where":
            y = mg.where(condition[0], operand(mg, *a), operand(mg, *b))
        else:
            y = getattr(mg, name)(operand(mg, *a), operand(mg, *b))
        expected = torch.result_type(operand(torch, *a), operand(torch, *b))
        assert y.dtype == name_of(expected), (a, b)


@pytest.mark.torch
@pytest.mark.parametrize("op", [operator.truediv, operator.pow], ids=lambda op: op.__name__)
def test_quotients_and_powers_have_pytorchs_type(torch, op):
    for a, b in pairs_with_a_tensor():
        x1, x2 = operand(torch, *a), operand(torch, *b)
        if op is operator.pow and torch.result_type(x1, x2) == torch.bool:
            continue  # PyTorch has no powers of truth values
        assert op(operand(mg, *a), operand(mg, *b)).dtype == name_of(op(x1, x2).dtype), (a, b)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["exp", "sqrt", "log1p", "sin", "tanh", "sigmoid", "rsqrt", "reciprocal", "sum",
                                  "abs", "square", "amax", "argmax", "isfinite", "relu", "sign", "neg"])  # fmt: skip
@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_functions_of_one_tensor_give_pytorchs_type(torch, name, dtype):
    array = np.ones(2, dtype)
    assert getattr(mg, name)(mg.tensor(array)).dtype == name_of(getattr(torch, name)(torch.tensor(array)).dtype)


@pytest.mark.torch
@pytest.mark.parametrize("bounds", [{"min": 0}, {"max": 2}, {"min": 0.5}, {"min": 0, "max": 1.5}])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "float64"])
def test_bounds_promote_as_in_pytorch(torch, bounds, dtype):
    array = np.ones(2, dtype)
    assert mg.clamp(mg.tensor(array), **bounds).dtype == name_of(torch.clamp(torch.tensor(array), **bounds).dtype)
    tensors = {key: np.array([bound]) for key, bound in bounds.items()}
    found = mg.clamp(mg.tensor(array), **tensors)
    expected = torch.clamp(torch.tensor(array), **{key: torch.tensor(bound) for key, bound in tensors.items()})
    assert found.dtype == name_of(expected.dtype)


def test_a_gradient_comes_back_in_the_type_of_each_argument():
    x32 = mg.tensor([1.5, 2.5], requires_grad=True)
    x64 = mg.tensor([3.0, 4.0], dtype=mg.float64, requires_grad=True)
    s64 = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    y = x32 * x64 + (x32 * s64).double()
    y.sum().backward()
    assert (y.dtype, x32.grad.dtype, x64.grad.dtype, s64.grad.dtype) == ("float64", "float32", "float64", "float64")
    np.testing.assert_array_equal(x32.grad, [5.0, 6.0])
    np.testing.assert_array_equal(s64.grad, 4.0)


@pytest.mark.torch
@pytest.mark.parametrize("f", [
    lambda lib, a, b: a @ b,
    lambda lib, a, b: lib.nn.functional.linear(a, b),
    lambda lib, a, b: lib.nn.functional.linear(a, a, b[0]),
    lambda lib, a, b: lib.nn.functional.binary_cross_entropy(a, b),
    lambda lib, a, b: lib.nn.functional.batch_norm(a, None, None, b[0], b[0], training=True),
    lambda lib, a, b: lib.nn.Linear(2, 2)(b),
    lambda lib, a, b: lib.nn.BatchNorm1d(2)(b),
])  # fmt: skip
def test_what_pytorch_refuses_to_mix_is_refused_with_both_types_named(torch, f):
    def arrays(make):
        return make(np.full((2, 2), 0.5, np.float32)), make(np.full((2, 2), 0.5))

    with pytest.raises(RuntimeError):
        f(torch, *arrays(torch.tensor))
    with pytest.raises(mg.DTypeError, match=r"float32.*float64|float64.*float32"):
        f(mg, *arrays(mg.tensor))


# ---- making tensors --------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("data", [
    1.5, 1, True, [1.0, 2], [1, 2], [[True], [False]], [], np.float64(1.5), np.float32(1.5), np.int32(7),
    np.ones(2, np.float16), np.ones((2, 2), np.uint8), np.array(3.0),
], ids=repr)  # fmt: skip
def test_a_tensor_has_the_type_and_shape_that_pytorch_gives_it(torch, data):
    for ours, theirs in ((mg.tensor(data), torch.tensor(data)), (mg.as_tensor(data), torch.as_tensor(data))):
        assert ours.dtype == name_of(theirs.dtype)
        assert ours.shape == tuple(theirs.shape)
        assert (ours.numpy() == theirs.numpy()).all()


def test_a_float64_tensor_from_python_numbers_has_their_full_precision():
    assert mg.tensor(0.1, dtype=mg.float64).item() == 0.1
    assert mg.tensor([[1 / 3]], dtype=mg.float64).item() == 1 / 3
    assert mg.full((), 0.1, dtype=mg.float64).item() == 0.1


def test_what_is_no_number_is_refused():
    for wrong in ("text", [1, "two"], [None], np.array(["a"]), np.array([1j]), np.array([object()])):
        with pytest.raises(mg.DTypeError, match="Expected numbers"):
            mg.tensor(wrong)


@pytest.mark.parametrize("wrong", [object(), "text", [1.0, 2.0], {"a": 1}])
def test_an_operand_that_is_no_tensor_is_refused_and_named(wrong):
    words = rf"add: expected a tensor, an array or a number, but got .*{type(wrong).__name__}"
    with pytest.raises(mg.DTypeError, match=words):
        mg.ones(2) + wrong


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_integers_take_no_gradient(dtype):
    with pytest.raises(mg.DTypeError, match=dtype):
        mg.tensor([1], dtype=dtype, requires_grad=True)
    with pytest.raises(mg.DTypeError, match=dtype):
        mg.nn.Parameter(mg.tensor([1], dtype=dtype))
    with pytest.raises(mg.DTypeError, match=dtype):
        mg.mean(mg.tensor([1], dtype=dtype))


def test_to_changes_the_type_and_the_gradient_comes_back():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x.double()
    (y * y).sum().backward()
    assert y.dtype == np.float64
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2.0, 4.0]
    assert x.to(mg.float32) is x
    assert mg.tensor([1.7]).to(mg.int64).tolist() == [1]
