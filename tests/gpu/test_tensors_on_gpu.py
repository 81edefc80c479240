"""Tensors on a GPU: made, printed, indexed, changed in place, copied, saved and read back."""

import copy

import numpy as np
import pytest

import minigan as mg

X = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def x(gpu):
    return gpu.tensor(X)


def test_tensors_are_made_on_the_gpu_and_nobody_waits(gpu):
    assert mg.device("cuda") == gpu.device  # finds out whether the GPU works
    with gpu.no_sync():
        made = [
            mg.zeros(2, 3, device="cuda"),
            mg.ones(2, device="cuda:0"),
            mg.full((2,), 0.5, device=gpu.device),
            mg.arange(3, device="cuda"),
            mg.eye(2, device="cuda"),
            mg.rand(5, device="cuda"),
            mg.randn(5, device="cuda"),
        ]
        with mg.device("cuda"):
            made.append(mg.zeros(2))
    assert {x.device for x in made} == {gpu.device}
    assert [x.dtype for x in made] == [np.float32] * 3 + [np.int64] + [np.float32] * 4
    assert mg.tensor([1.0, 2.0], device="cuda").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("make", [mg.rand, mg.randn])
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_random_numbers_are_those_of_the_cpu(gpu, make, dtype):
    drawn = []
    for device in ("cpu", gpu.device):
        mg.manual_seed(2)
        drawn.append(make(7, 3, dtype=dtype, device=device).to("cpu").numpy())
    np.testing.assert_allclose(*drawn, rtol=0 if make is mg.rand else 1e-5, atol=0 if make is mg.rand else 1e-6)


def test_dropout_masks_are_the_bits_of_the_cpu(gpu):
    masks = []
    for device in ("cpu", gpu.device):
        mg.set_step(9)
        masks.append(mg.nn.functional.dropout(mg.ones(1001, device=device), 0.3).to("cpu").numpy())
    assert (masks[0] == masks[1]).all()


def test_a_tensor_on_the_gpu_says_so_when_it_is_printed(x):
    assert repr(x) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]], dtype=float64, device='cuda:0')"
    assert "requires_grad=True" in repr(x.requires_grad_())


def test_numbers_come_out_as_python_numbers(x):
    assert (x.sum().item(), float(x.sum()), int(x.max()), bool(x.min() == 0)) == (15.0, 15.0, 5, True)
    assert x.tolist() == X.tolist()


def test_numpy_gets_no_tensor_of_the_gpu_by_accident(x):
    with pytest.raises(mg.DeviceError, match=r'use x.to\("cpu"\)'):
        x.numpy()
    with pytest.raises(mg.DeviceError, match=r'use x.to\("cpu"\)'):
        np.asarray(x)


def test_raw_arrays_of_the_gpu_are_tensors_of_the_gpu(gpu, x):
    raw = gpu.xp.asarray(X)
    assert mg.as_tensor(raw).data is raw
    for y in (mg.tensor(raw), mg.tensor(raw, dtype=mg.float32), raw * x, x * raw, mg.where(raw > 1, raw, x)):
        assert y.device == gpu.device
    assert mg.add(raw, raw).tolist() == (X + X).tolist()
    assert mg.from_dlpack(raw).device == gpu.device


INDICES = {
    "index tensor": lambda of: (slice(None), of([2, 0, 2])),
    "index tensors": lambda of: (of([0, 1, 1]), of([1, 2, 1])),
    "negative indices": lambda of: of([-1, 0]),
    "matrix of indices": lambda of: of([[0, 1], [1, 1]]),
    "a list": lambda of: (slice(None), [0, 0]),
    "a number and a slice": lambda of: (1, slice(0, 2)),
    "a mask": lambda of: of([[True, False, True], [False, True, True]]),
    "a row mask": lambda of: (slice(None), of([True, False, True])),
}


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize("name", INDICES)
def test_indexing_and_its_gradient_are_those_of_the_cpu(gpu, x, name, on_device):
    def of(values):
        return gpu.tensor(np.array(values)) if on_device else np.array(values)

    reference = mg.tensor(X, requires_grad=True)
    x.requires_grad_()
    y, y_ = reference[INDICES[name](np.array)], x[INDICES[name](of)]
    (y * y).sum().backward()
    (y_ * y_).sum().backward()
    assert y_.tolist() == y.tolist()
    assert x.grad.tolist() == reference.grad.tolist()


def test_index_tensors_on_the_gpu_make_nobody_wait(gpu, x):
    index, gy = gpu.tensor(np.array([1, 1, 0])), gpu.tensor(np.ones((3, 3)))
    x.requires_grad_()
    with gpu.no_sync():
        x[index].backward(gy)
    assert x.grad.tolist() == [[1.0] * 3, [2.0] * 3]


def test_changes_in_place_happen_on_the_gpu(gpu, x):
    x += 1
    x *= gpu.tensor(np.array([1.0, 2.0, 3.0]))
    x[0] = 7
    x[1, 1:] = gpu.tensor(np.array([8.0, 9.0]))
    x[1, 0] = mg.tensor([6.5], dtype=mg.float64, device="cuda")
    assert x.tolist() == [[7.0, 7.0, 7.0], [6.5, 8.0, 9.0]]
    x.data = np.ones((2, 3))
    assert x.tolist() == [[1.0] * 3] * 2


def test_copies_have_memory_of_their_own_on_the_gpu(gpu, x):
    for y in (copy.deepcopy(x), mg.tensor(x)):
        x[0, 0] = 5.0
        assert y.device == gpu.device
        assert y[0, 0].item() == 0.0
        x[0, 0] = 0.0


def test_a_change_of_a_view_of_a_leaf_is_noticed(x):
    w = x.requires_grad_()
    y = (w.T * w.T).sum()
    with mg.no_grad():
        w += 1
    with pytest.raises(mg.StaleGraphError):
        y.backward()


def test_tensors_are_saved_and_loaded_as_host_arrays(gpu, x, tmp_path):
    mg.save({"x": x, "raw": x.data, "part": x.T[1:]}, tmp_path / "x.safetensors")
    loaded = mg.load(tmp_path / "x.safetensors")
    for name, expected in {"x": X, "raw": X, "part": X.T[1:]}.items():
        assert type(loaded[name]) is np.ndarray
        assert loaded[name].tolist() == expected.tolist()


def test_gradients_reach_the_leaves_of_each_device(gpu, x):
    on_cpu = mg.tensor(X, requires_grad=True)
    x.requires_grad_()
    (on_cpu.to(gpu.device) * x).sum().backward()
    assert on_cpu.grad.tolist() == X.tolist()
    assert x.grad.tolist() == X.tolist()
    x.grad = np.zeros((2, 3))
    assert type(x.grad) is gpu.xp.ndarray
    x.to("cpu").sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2


def test_float64_numbers_leave_float32_alone(gpu):
    x = mg.ones(3, device="cuda", requires_grad=True)
    for y in (x * np.float64(2), np.float64(2) * x, x * 2.0, x + mg.full((), 2.0, dtype=mg.float64, device="cuda")):
        assert y.dtype == np.float32
