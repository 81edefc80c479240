"""Options of the command line that come from a function's signature and docstring."""

import pytest

from minigan.arguments import Parser, parse
from minigan.commands.parameters import add_parameters
from minigan.errors import ConfigError
from minigan.lab import EXPERIMENTS


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


def parsed(*argv):
    parser = Parser(prog="minigan lab example")
    add_parameters(parser, example)
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


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_its_options_explained(name):
    parser = Parser(prog=f"minigan lab {name}")
    add_parameters(parser, EXPERIMENTS[name].run)
    assert all(action.help for action in parser._actions)
