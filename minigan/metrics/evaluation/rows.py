"""The rows that scored runs make: those of one training, repeated from several seeds, are one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from minigan.errors import ConfigError
from minigan.gan.config import Config, ScoreConfig, TrainingConfig
from minigan.gan.run import Run
from minigan.gan.settings import shown
from minigan.metrics.evaluation.run import ScoredRun
from minigan.metrics.evaluation.scores import Scores

# What is written down of a training, how fast it is, and what D is shown beside: none of it moves a weight.
RECORDING = ("log_every", "capture", "evaluate_every", "checkpoint_epochs", "checkpoint_minutes", "keep")


@dataclass(frozen=True)
class Row:
    """Runs of the same settings, but for the seed, after as many steps, or each at its best.

    Attributes:
        name: the path of its first run, and how many more there are.
        about: what made it: preset, the settings that other rows of this preset do not have, and seeds.
        runs: at least one.
        chosen: how their checkpoints were, such as "best of 8 scores"; empty of the newest ones.
    """

    name: str
    about: str
    runs: tuple[ScoredRun, ...]
    chosen: str = ""

    @property
    def title(self) -> str:
        """The name, and how the checkpoints were chosen."""
        return f"{self.name}, {self.chosen}" if self.chosen else self.name

    @property
    def scores(self) -> list[Scores]:
        """Of each run."""
        return [run.scores for run in self.runs]


def rows_of(runs: Sequence[ScoredRun], best: bool = False) -> tuple[Row, ...]:
    """The rows that runs make, in the order in which their first runs come.

    Args:
        runs: with their scores.
        best: whether each was scored at its best checkpoint; after which step that was, is then no setting of it, but
            how it was chosen is one.
    """
    groups: dict[tuple[Config, int], list[ScoredRun]] = {}
    for run in runs:
        config = _without_seed(_training_of(run.config))
        key = (replace(config, score=run.config.score), 0) if best else (config, run.step)
        groups.setdefault(key, []).append(run)
    return tuple(Row(_name(group), _about(key, groups), tuple(group)) for key, group in groups.items())


def check_different(runs: Sequence[Run], best: bool = False) -> None:
    """Make sure that no two runs draw the same samples, which would pass for the agreement of two seeds.

    Args:
        runs: which.
        best: whether each was opened at its best checkpoint: then parts of one training, whose steps may differ, would
            be in one row, too.

    Raises:
        ConfigError: two do, or would be.
    """
    drawn: dict[tuple[Config, int], Run] = {}
    chosen: dict[tuple[Config, ScoreConfig], Run] = {}
    for run in runs:
        training, step = _training_of(run.config), run.found.newest.step if run.found.newest else 0
        _require_first(run, drawn.setdefault((training, step), run), "settings, seed and step")
        if best:
            _require_first(run, chosen.setdefault((training, run.config.score), run), "settings and seed")


def _require_first(run: Run, first: Run, equal: str) -> None:
    if first is not run:
        raise ConfigError(
            f"evaluate: {first.path} and {run.path} are the same run, as their {equal} are equal; name one of them, or "
            "runs of other seeds."
        )


def _training_of(config: Config) -> Config:
    """The settings that decide what is trained: all others as if nobody had changed them."""
    usual = TrainingConfig()
    training = replace(config.training, **{name: getattr(usual, name) for name in RECORDING})
    return replace(config, training=training, score=ScoreConfig(), name="", about="", source="")


def _without_seed(config: Config) -> Config:
    return replace(config, training=replace(config.training, seed=0))


def _name(group: Sequence[ScoredRun]) -> str:
    return f"{group[0].path} + {len(group) - 1} more" if len(group) > 1 else group[0].path


def _about(key: tuple[Config, int], groups: dict[tuple[Config, int], list[ScoredRun]]) -> str:
    """After which step, is told where it differs between rows and is not what a setting says."""
    (config, step), group = key, groups[key]
    name = group[0].config.name
    presets = [other for (other, _), runs in groups.items() if runs[0].config.name == name]
    settings = {path: value for other in presets for path, (value, _) in config.differences(other).items()}
    told = [name, *(f"{path}={shown(value)}" for path, value in settings.items())]
    if len({at for _, at in groups}) > 1 and settings.get("training.steps") != step:
        told.append(f"step {step:,}")
    seeds = [str(run.config.training.seed) for run in group]
    paths = f" ({', '.join(run.path for run in group)})" if len(group) > 1 else ""
    return f"{', '.join(told)}; seed{'s' if len(group) > 1 else ''} {', '.join(seeds)}{paths}"
