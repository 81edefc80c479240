"""What an experiment can be asked for is checked before it computes anything."""

from inspect import signature
from typing import Annotated

import numpy as np
import pytest

from minigan import lab
from minigan.errors import ConfigError
from minigan.lab.options import Number, OneOf, Several, Steps, Whole, checked

Rates = Annotated[tuple[Annotated[float, Number(0, 2)], ...], Several(3)]


@checked
def asked(
    run: str | None = None,
    /,
    *,
    steps: Steps = 1,
    rates: Rates = (1.0,),
    name: Annotated[str, OneOf(("a", "b"))] = "a",
    modes: Annotated[int, Whole(1, 9)] | None = None,
):
    return run, steps, rates, name, modes


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"steps": True}, "steps: expected a whole number from 1 to 100,000, but got True."),
        ({"steps": 1.0}, "steps: expected a whole number from 1 to 100,000, but got 1.0."),
        ({"steps": 100_001}, "steps: expected a whole number from 1 to 100,000, but got 100001."),
        ({"rates": (1.0, float("nan"))}, "rates: expected a number from 0 to 2, but got nan."),
        ({"rates": ("1",)}, "rates: expected a number from 0 to 2, but got '1'."),
        ({"rates": 1.0}, "rates: expected several values, but got 1.0."),
        ({"rates": ()}, "rates: expected 1 to 3 values, but got 0."),
        ({"name": "c"}, "name: expected one of a, b, but got 'c'."),
        ({"name": None}, "name: expected one of a, b, but got None."),
        ({"modes": 10}, "modes: expected a whole number from 1 to 9, but got 10."),
    ],
)
def test_a_value_that_its_type_does_not_allow_is_refused_by_name(settings, problem):
    with pytest.raises(ConfigError) as error:
        asked(**settings)
    assert str(error.value) == problem


def test_values_of_numpy_and_lists_are_values_too():
    assert asked("x", steps=np.int64(3), rates=[np.float32(0.5), 1], modes=None) == ("x", 3, [0.5, 1], "a", None)


@pytest.mark.parametrize("name", lab.EXPERIMENTS)
def test_a_wrong_value_of_any_option_is_refused_before_anything_is_computed(name, monkeypatch):
    monkeypatch.setattr("minigan.lab.repeatable.fork_rng", lambda: pytest.fail("computed"))
    experiment = lab.EXPERIMENTS[name].run
    for option in set(signature(experiment).parameters) - {"run", "set", "function"}:  # checked by what they name
        with pytest.raises(ConfigError, match=f"^{option}: expected"):
            experiment(**{option: -1})
