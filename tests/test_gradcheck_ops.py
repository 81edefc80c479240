"""Every operation's gradient and second derivatives agree with differences, in float64, and no operation is missing."""

from pathlib import Path

import ops_table
import pytest

import minigan as mg
import minigan.ops
from minigan.tape import Primitive

CASES = ops_table.cases()
every_case = pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())
every_entry = pytest.mark.parametrize("entry", ops_table.TABLE, ids=lambda entry: entry.name)


def leaves(entry, arrays):
    return ops_table.tensors(entry, arrays, mg.as_tensor)


@every_case
def test_the_gradient_agrees_with_differences(entry, arrays):
    assert mg.gradcheck(lambda *xs: entry.run(mg, *xs), leaves(entry, arrays))


@every_case
def test_second_derivatives_agree_with_differences(entry, arrays):
    assert mg.gradgradcheck(lambda *xs: entry.run(mg, *xs), leaves(entry, arrays))


@every_case
def test_inputs_and_their_layout_stay_as_they_are(entry, arrays):
    before = [array.copy() for array in arrays]
    xs = leaves(entry, arrays)
    ys = ops_table.outputs(entry.run(mg, *xs))
    loss = sum((y * y).sum() for y in ys)
    loss.backward(retain_graph=True)
    gxs = mg.grad(loss, [x for x in xs if x.requires_grad], create_graph=True, allow_unused=True)
    sum((gx * gx).sum() for gx in gxs if gx is not None).backward()
    for x, array, copy in zip(xs, arrays, before, strict=True):
        assert x.data is array  # so non-contiguous arrays really reached the kernels
        assert (array == copy).all()


@pytest.mark.parametrize("power", [lambda x: x**0, lambda x: mg.pow(x, mg.zeros(3, dtype=mg.float64))])
def test_a_power_of_0_is_flat_everywhere_at_0_too(power):
    x = mg.tensor([0.0, 0.5, -2.0], dtype=mg.float64, requires_grad=True)
    y = power(x)
    (gx,) = mg.grad(y.sum(), x, create_graph=True)
    ggx = mg.grad(gx.sum(), x, allow_unused=True)[0] if gx.requires_grad else None
    assert y.tolist() == [1.0, 1.0, 1.0]
    assert gx.tolist() == [0.0, 0.0, 0.0]
    assert ggx is None or ggx.tolist() == [0.0, 0.0, 0.0]


# ---- is the table whole? ---------------------------------------------------------------------------------


def recorded_by(entry, arrays, monkeypatch):
    """The primitives that the entry's function leaves on the tape."""
    seen = set()
    record = Primitive._record
    monkeypatch.setattr(Primitive, "_record", lambda self, *args: seen.add(self) or record(self, *args))
    entry.run(mg, *leaves(entry, arrays))
    return seen


@every_entry
def test_an_entry_runs_the_primitives_that_it_is_there_for_on_every_sample(entry, monkeypatch):
    for arrays in (*entry.samples.values(), *entry.kinks.values()):
        assert set(entry.ops) <= recorded_by(entry, arrays, monkeypatch)


def test_every_primitive_with_a_gradient_has_an_entry():
    covered = {op for entry in ops_table.TABLE for op in entry.ops}
    missing = [op for op in ops_table.primitives() if op not in covered]
    assert not missing, f"add samples to tests/ops_table for {missing}"


def test_looking_for_primitives_finds_them_in_every_module():
    found = {op.__module__.rsplit(".", 1)[1] for op in ops_table.primitives()}
    written = {
        path.stem for path in Path(minigan.ops.__file__).parent.glob("*.py") if "@primitive(" in path.read_text()
    }
    assert found == written
    assert len(found) >= 10


def test_names_of_cases_are_different():
    assert len(CASES) == sum(len(entry.samples) for entry in ops_table.TABLE)
