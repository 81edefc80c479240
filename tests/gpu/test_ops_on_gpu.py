"""Every operation on a GPU: results, gradients and second derivatives are the CPU's, and nobody waits for them."""

import numpy as np
import ops_table
import pytest

import minigan as mg
from minigan.ops import creation, device

pytestmark = pytest.mark.slow

CASES = ops_table.cases()
ALL_CASES = ops_table.cases(kinks=True)
every_case = pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())
with_kinks = pytest.mark.parametrize(("entry", "arrays"), ALL_CASES.values(), ids=ALL_CASES.keys())


def derivatives(entry, xs, make):
    """Results, gradients and second derivatives as tensors; None where there is no derivative."""
    ys = [y for y in ops_table.outputs(entry.run(mg, *xs)) if y.dtype.kind == "f"]
    leaves = list(dict.fromkeys(x for x in xs if x.requires_grad))
    gys = [weights(y.shape, y.dtype, make).requires_grad_() for y in ys]
    gxs = mg.grad(ys, leaves, gys, create_graph=True, allow_unused=True)
    again = [gx for gx in gxs if gx is not None and gx.requires_grad]
    ggs = [weights(gx.shape, gx.dtype, make) for gx in again]
    seconds = mg.grad(again, leaves + gys, ggs, allow_unused=True) if again else ()
    return [*ys, *gxs, *seconds]


def weights(shape, dtype, make):
    n = int(np.prod(shape))
    return make((np.sin(np.arange(n) * 1.7 + 1) + 1.5).reshape(shape).astype(dtype))


def assert_on_gpu_as_on_cpu(gpu, entry, arrays, rtol):
    on_cpu = derivatives(entry, ops_table.tensors(entry, arrays, mg.as_tensor), mg.as_tensor)
    on_gpu = derivatives(entry, ops_table.tensors(entry, arrays, gpu.tensor), gpu.tensor)
    for expected, found in zip(on_cpu, on_gpu, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.device == gpu.device
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            ours = found.detach().to("cpu").numpy()
            np.testing.assert_allclose(ours, expected.detach().numpy(), rtol=rtol, atol=rtol)


@with_kinks
def test_values_and_derivatives_are_those_of_the_cpu(gpu, entry, arrays):
    assert_on_gpu_as_on_cpu(gpu, entry, arrays, rtol=1e-12)


@every_case
def test_float32_stays_float32_on_the_gpu(gpu, entry, arrays):
    copies = {id(array): array.astype(np.float32) for array in arrays}
    assert_on_gpu_as_on_cpu(gpu, entry, tuple(copies[id(array)] for array in arrays), rtol=1e-4)


@every_case
def test_the_gradient_agrees_with_differences_on_the_gpu(gpu, entry, arrays):
    assert mg.gradcheck(lambda *xs: entry.run(mg, *xs), ops_table.tensors(entry, arrays, gpu.tensor))


@every_case
def test_second_derivatives_agree_with_differences_on_the_gpu(gpu, entry, arrays):
    xs = ops_table.tensors(entry, arrays, gpu.tensor)
    assert mg.gradgradcheck(lambda *xs: entry.run(mg, *xs), xs, fast_mode=True)


WAIT = {  # entries whose operation copies something from the host, and what
    "getitem": "an index that is a list, or an array of NumPy's",
}
SILENT = {name: case for name, case in ALL_CASES.items() if not name.startswith(tuple(WAIT))}


@pytest.mark.parametrize(("entry", "arrays"), SILENT.values(), ids=SILENT.keys())
def test_no_operation_makes_the_host_wait(gpu, monkeypatch, entry, arrays):
    for module in (creation, device):  # but for moves that somebody asks for, as entries do with their constants
        monkeypatch.setattr(module, "transfer", allowed(module.transfer, gpu))
    xs = ops_table.tensors(entry, arrays, gpu.tensor)
    ys = [y for y in ops_table.outputs(entry.run(mg, *xs)) if y.requires_grad]
    gys = [weights(y.shape, y.dtype, gpu.tensor) for y in ys]
    leaves = [x for x in xs if x.requires_grad]
    mg.grad(ys, leaves, gys, allow_unused=True)  # once, as tables are copied to the device when first asked for
    with gpu.no_sync():
        ys = [y for y in ops_table.outputs(entry.run(mg, *xs)) if y.requires_grad]
        mg.grad(ys, leaves, gys, create_graph=True, allow_unused=True)


def allowed(function, gpu):
    def run(*args):
        with gpu.allow_sync(True):
            return function(*args)

    return run


@with_kinks
def test_inputs_on_the_gpu_stay_as_they_are(gpu, entry, arrays):
    before = [array.copy() for array in arrays]
    xs = ops_table.tensors(entry, arrays, gpu.tensor)
    datas, strides = [x.data for x in xs], [x.data.strides for x in xs]
    derivatives(entry, xs, gpu.tensor)
    for x, data, stride, array, copy in zip(xs, datas, strides, arrays, before, strict=True):
        assert x.data is data
        assert not array.size or stride == array.strides  # so non-contiguous arrays really reached the kernels
        assert (gpu.xp.asnumpy(data) == copy).all()
