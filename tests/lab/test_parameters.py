"""Options of the command line that come from a function's signature and docstring."""

from inspect import signature
from typing import Annotated

import pytest

from minigan.arguments import Parser, parse
from minigan.commands.parameters import add_parameters
from minigan.errors import ConfigError
from minigan.lab import EXPERIMENTS
from minigan.lab.options import Number, OneOf, Several, Whole


def example(
    folder: str | None = None,
    /,
    *,
    step_size: float = 0.2,
    steps: int = 500,
    loss: str = "minimax",
    gammas: tuple[float, ...] = (0.0, 0.3),
    seed: int | None = None,
    quick: bool = False,
):
    """Nothing.

    Args:
        folder: of a run.
        step_size: how far each player moves,
            about 5 % of the way.
        steps: how many.
        loss: of both players.
        gammas: weights of the penalty.
        seed: of ``everything``.
        quick: a glance.

    Returns:
        Nothing.
    """


def limited(
    *,
    data: Annotated[str, OneOf(("ring", "grid"))] = "ring",
    steps: Annotated[int, Whole(1, 1000)] = 10,
    modes: Annotated[int, Whole(1, 9)] | None = None,
    rates: Annotated[tuple[Annotated[float, Number(0, 2, above=True)], ...], Several(3)] = (0.5, 1.0),
):
    """Nothing.

    Args:
        data: where points come from.
        steps: how many.
        modes: of the data.
        rates: of learning.
    """


def parsed(*argv, function=example):
    parser = Parser(prog="minigan lab example")
    add_parameters(parser, function)
    return vars(parse(parser, {}, list(argv)))


def test_defaults_are_those_of_the_signature():
    assert parsed() == {
        "folder": None, "step_size": 0.2, "steps": 500, "loss": "minimax", "gammas": (0.0, 0.3), "seed": None,
        "quick": False,
    }  # fmt: skip


def test_each_type_is_read():
    argv = [
        "runs/x",
        "--step-size",
        "1e-3",
        "--steps",
        "7",
        "--loss",
        "hinge",
        "--gammas",
        "1,2.5",
        "--seed",
        "3",
        "--quick",
    ]
    assert parsed(*argv) == {
        "folder": "runs/x", "step_size": 1e-3, "steps": 7, "loss": "hinge", "gammas": (1.0, 2.5), "seed": 3,
        "quick": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--steps", "x"], "--steps: expected a whole number, but got 'x'. See minigan lab example --help."),
        (["--gammas", "1,x"], "--gammas: expected a number, but got 'x'. See minigan lab example --help."),
        (["--stepz", "1"], "There is no option '--stepz' in minigan lab example; did you mean '--steps'? See"),
        (["--steps", "1", "--steps", "2"], "--steps: was given twice; give it once."),
        (["a", "b"], "There is no place for the argument 'b' in minigan lab example."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(argv, sentence):
    with pytest.raises(ConfigError) as error:
        parsed(*argv)
    assert str(error.value).startswith(sentence)


def test_the_help_has_the_docstrings_words_and_the_defaults(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "--step-size STEP_SIZE how far each player moves, about 5 % of the way (default: 0.2)" in said
    assert "--gammas GAMMAS weights of the penalty (default: 0,0.3)" in said
    assert "--seed SEED of everything" in said
    assert "FOLDER of a run" in said


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--data=rnig", "--data: expected one of ring, grid, but got 'rnig' (Did you mean ring?)."),
        ("--data=", "--data: expected one of ring, grid, but got ''."),
        ("--steps=0", "--steps: expected a whole number from 1 to 1,000, but got 0."),
        (f"--steps={10**30}", f"--steps: expected a whole number from 1 to 1,000, but got {10**30}."),
        ("--steps=nan", "--steps: expected a whole number, but got 'nan'."),
        ("--modes=10", "--modes: expected a whole number from 1 to 9, but got 10."),
        ("--rates=1,0", "--rates: expected a number above 0 and at most 2, but got 0.0."),
        ("--rates=nan", "--rates: expected a number above 0 and at most 2, but got nan."),
        ("--rates=inf", "--rates: expected a number above 0 and at most 2, but got inf."),
        ("--rates=", "--rates: expected a number, but got ''."),
        ("--rates=1,1", "--rates: expected each value once, but got 1.0 twice."),
        ("--rates=1,2,.5,.25", "--rates: expected 1 to 3 values, but got 4."),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_the_name_of_the_option(option, problem):
    with pytest.raises(ConfigError) as error:
        parsed(option, function=limited)
    assert str(error.value) == f"{problem} See minigan lab example --help."


def test_values_at_the_limits_are_allowed():
    argv = ["--data", "grid", "--steps", "1000", "--modes", "1", "--rates", "2, 1e-9, 1"]
    assert parsed(*argv, function=limited) == {"data": "grid", "steps": 1000, "modes": 1, "rates": (2.0, 1e-9, 1.0)}


def test_the_help_names_the_values_that_are_allowed(capsys):
    with pytest.raises(SystemExit):
        parsed("--help", function=limited)
    said = " ".join(capsys.readouterr().out.split())
    assert "where points come from (ring, grid; default: ring)" in said
    assert "how many (1 to 1,000; default: 10)" in said
    assert "of the data (1 to 9)" in said
    assert "of learning (above 0, at most 2; up to 3 values with commas between them; default: 0.5,1)" in said


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_its_options_explained(name):
    parser = Parser(prog=f"minigan lab {name}")
    add_parameters(parser, EXPERIMENTS[name].run)
    assert all(action.help for action in parser._actions)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_same_thing_has_the_same_name_and_type_in_every_experiment(name):
    """As names of `minigan train` and PyTorch, where they have the thing."""
    parameters = set(signature(EXPERIMENTS[name].run).parameters)
    assert parameters.isdisjoint({"h", "gamma", "weight", "seeds", "mixture", "step_size", "learning_rate", "penalty"})
