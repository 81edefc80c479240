"""PyTorch's own samples of every operation that both have: values, gradients, second order, and errors that raise."""

import re

import pytest

import minigan as mg

from .compare import outcome
from .operations import OPERATIONS, find, listed
from .report import PAGE, available, missing, page
from .samples import database

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _torch(torch):
    pass


@pytest.mark.parametrize("name", available())
def test_every_sample_agrees_with_pytorch_and_every_error_input_raises(name):
    failures = outcome(name).failures
    assert not failures, f"{len(failures)} failures, the first of them:\n" + "\n".join(failures[:3])


@pytest.mark.parametrize("name", available())
def test_what_is_unsupported_is_listed_and_nothing_else_is(name):
    assert {*outcome(name).unsupported, *outcome(name).apart} == listed(OPERATIONS[name])


WRONG = {
    "result": lambda x: mg.Tensor.exp(x) + 1e-6,
    "gradient": lambda x: mg.Tensor.exp(x) + (x - x.detach()) * 1e-6,
    "second-order gradient": lambda x: mg.Tensor.exp(x) + mg.square(x - x.detach()) * 1e-6,
}


@pytest.mark.parametrize("what", WRONG)
def test_a_planted_error_is_found(monkeypatch, what):
    monkeypatch.setattr(mg, "exp", WRONG[what])
    first = outcome.__wrapped__("exp").failures[0]
    assert f"\n{what} 0\n" in first


def test_an_error_input_that_runs_is_found(monkeypatch):
    monkeypatch.setattr(mg, "neg", lambda x: x * -1)
    assert "it runs, but PyTorch says: 'Negation" in outcome.__wrapped__("neg").failures[-1]


def test_every_operation_of_the_list_is_there():
    assert missing() == []


def test_the_list_names_operations_of_pytorch():
    assert set(OPERATIONS) <= set(database())


def test_every_public_operation_that_pytorch_has_samples_of_is_in_the_list():
    def is_ours(op):
        names = [op.name, *(alias.name for alias in op.aliases)]
        return any("." not in name.removeprefix("nn.functional.") and find(name) for name in names)

    assert [name for name, op in database().items() if is_ours(op) and name not in OPERATIONS] == []


def test_the_page_shows_what_the_samples_gave(torch):
    committed = PAGE.read_text(encoding="utf-8")
    if f"PyTorch {torch.__version__.partition('+')[0]}." in committed:  # another version has other samples
        assert committed == page(), "run python -m tests.op_db.report"
    assert len(re.findall(r"^\| `", committed, re.M)) == len(OPERATIONS)


def test_the_import_of_the_samples_leaves_the_settings_of_hypothesis_alone():
    from hypothesis import settings

    database()
    assert settings.get_current_profile_name() not in ("dev", "debug", "pytorch_ci")
