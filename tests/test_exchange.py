"""Arrays and states go to NumPy, PyTorch and JAX and come back; memory is shared where both sides can."""

import importlib.util

import numpy as np
import pytest

import minigan as mg

torch_test = pytest.mark.torch
DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


@pytest.fixture
def jax():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed: pip install jax")
    import jax

    with jax.enable_x64(True):
        yield jax


def numbers(dtype):
    return np.arange(6).reshape(2, 3).astype(dtype)


# ---- PyTorch ---------------------------------------------------------------------------------------------


@torch_test
@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_shares_memory_both_ways(torch, dtype):
    x = mg.tensor(numbers(dtype))
    theirs = torch.from_dlpack(x)
    assert theirs.data_ptr() == x.data.ctypes.data
    assert str(theirs.dtype) == f"torch.{dtype}"
    back = mg.from_dlpack(theirs)
    assert back.dtype == x.dtype
    theirs[0, 0] = 1
    assert back.tolist() == x.tolist() == theirs.tolist()


LAYOUTS = {
    "transposed": lambda x: x.T,
    "part": lambda x: x[:, 1:],
    "strided": lambda x: x[:, ::2],
    "backwards": lambda x: x[::-1, ::-1],
    "expanded": lambda x: x[:1].expand(4, 3),
    "scalar": lambda x: x.sum(),
    "empty": lambda x: x[:0],
}


@torch_test
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pytorch_reads_every_layout(torch, layout):
    x = LAYOUTS[layout](mg.tensor(numbers("float32")))
    theirs = torch.from_dlpack(x)
    assert theirs.tolist() == x.tolist()
    assert mg.from_dlpack(theirs).tolist() == x.tolist()


def test_memory_that_cannot_be_shared_is_not_given_as_if_it_were():
    for layout in ("backwards", "expanded"):
        with pytest.raises(BufferError, match="copy"):
            LAYOUTS[layout](mg.tensor(numbers("float32"))).__dlpack__(copy=False)


@torch_test
def test_what_requires_a_gradient_is_not_shared(torch):
    with pytest.raises(mg.GraphError, match="detach"):
        torch.from_dlpack(mg.ones(2, requires_grad=True))
    with pytest.raises(mg.GraphError, match="detach"):
        mg.from_dlpack(torch.ones(2, requires_grad=True))


@torch_test
@pytest.mark.parametrize("dtype", ["bfloat16", "complex64"])
def test_numbers_that_minigan_does_not_have_are_refused(torch, dtype):
    with pytest.raises(mg.DTypeError, match=dtype):
        mg.from_dlpack(torch.ones(2, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("x", [[1.0, 2.0], None, 3.0])
def test_from_dlpack_takes_no_lists(x):
    with pytest.raises(mg.DTypeError, match=r"from_dlpack: .* Use mg\.tensor"):
        mg.from_dlpack(x)


def test_memory_of_other_devices_is_refused():
    class OnAMac:
        def __dlpack_device__(self):
            return 8, 0  # kDLMetal

    with pytest.raises(mg.DeviceError, match="device type 8"):
        mg.from_dlpack(OnAMac())


# ---- JAX -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_jax_reads_tensors_and_is_read(jax, dtype):
    x = mg.tensor(numbers(dtype))
    theirs = jax.numpy.from_dlpack(x)
    assert theirs.dtype == x.dtype
    assert theirs.tolist() == x.tolist()
    back = mg.from_dlpack(theirs)
    assert back.dtype == x.dtype
    assert back.tolist() == x.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_jax_reads_every_layout(jax, layout):
    x = LAYOUTS[layout](mg.tensor(numbers("float32")))
    if layout not in ("part", "strided"):  # JAX takes no memory with gaps: asarray copies it
        assert jax.numpy.from_dlpack(x).tolist() == x.tolist()
    assert jax.numpy.asarray(np.asarray(x)).tolist() == x.tolist()


def test_arrays_of_jax_are_data_for_tensors(jax):
    array = jax.numpy.ones(3, "float32")
    assert (mg.tensor(array) * 2).tolist() == [2.0, 2.0, 2.0]
    assert mg.as_tensor(array).dtype == mg.float32


def test_states_of_jax_load(jax):
    layer = mg.nn.Linear(3, 2)
    layer.load_state_dict({"weight": jax.numpy.ones((2, 3)), "bias": jax.numpy.zeros(2)})
    assert layer(mg.ones(1, 3)).tolist() == [[3.0, 3.0]]


# ---- NumPy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_tensors_without_a_copy(dtype):
    x = mg.tensor(numbers(dtype))
    for theirs in (np.asarray(x), np.from_dlpack(x)):
        assert np.shares_memory(theirs, x.data)
        assert theirs.dtype == x.dtype
    assert np.array(x, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(x), x.data)
