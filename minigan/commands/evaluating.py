"""What `minigan evaluate` does, from its arguments to its files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from minigan._version import __version__
from minigan.backend.device import Device
from minigan.backend.device import device as resolve
from minigan.backend.memory import keep_freed_memory
from minigan.bench.figures import check_drawing
from minigan.commands.chosen import Chosen, check_judge, how_chosen, named
from minigan.commands.results import results_folder
from minigan.commands.sample import SEEDS
from minigan.commands.score_table import filled, notes, table
from minigan.commands.scores_folder import SCORES, check_replaceable, replaced_folder
from minigan.errors import ConfigError
from minigan.gan import Run
from minigan.gan.settings import check_whole
from minigan.gan.signals import raise_if_stopped
from minigan.lab.page import look
from minigan.lab.page.files import write_files
from minigan.lab.pages.scores import page
from minigan.lab.writing import page_files, plain
from minigan.metrics.evaluation import calibrate, reference_of
from minigan.metrics.evaluation.columns import columns_of, mean
from minigan.metrics.evaluation.data import different_data
from minigan.metrics.evaluation.rows import Row, check_different, rows_of
from minigan.metrics.evaluation.run import ScoredRun, check_data, score_run
from minigan.metrics.evaluation.scorable import check_scorable
from minigan.metrics.evaluation.table import Evaluation, printable
from minigan.metrics.hashes import short
from minigan.streams import say

INDEX = "index.html"


def evaluate(args: argparse.Namespace) -> int:
    """Score the samples of runs; whatever can be wrong is found before the long work, if possible."""
    keep_freed_memory()  # blocks of distances come and go, all of one size
    seed, device = check_whole("--seed", args.seed, 0, SEEDS - 1), resolve(args.device)
    runs = [Run.open(folder, best=args.best) for folder in args.folders]
    check_different(runs, args.best)
    _check_together(runs)
    check_judge(runs, args.judge, args.best)
    chosen = {str(run.path): how_chosen(run) for run in runs} if args.best else {}
    check_drawing(look)
    if args.out is None and len(runs) == 1:
        folder = runs[0].path / "scores"
        check_replaceable(folder)
        files = _files(_evaluation(runs, args.n, seed, args.judge, device, chosen), chosen)
        with replaced_folder(folder) as aside:
            write_files(files, aside)
    else:
        with results_folder(args.out, "scores") as folder:
            files = _files(_evaluation(runs, args.n, seed, args.judge, device, chosen), chosen)
            raise_if_stopped()
            write_files(files, folder)
    say(f"\nWrote {printable(str(folder / INDEX))}: open it in a browser.")
    return 0


def _check_together(runs: Sequence[Run]) -> None:
    for run in runs:
        check_scorable(run.config, f"evaluate {printable(str(run.path))}")
    if names := different_data([run.config for run in runs]):
        told = "; ".join(f"{run.path}: {_settings(run, names)}" for run in runs)
        raise ConfigError(
            f"evaluate: the runs have different data ({told}), expected the same, as scores of others do not compare; "
            "evaluate them one by one."
        )


def _settings(run: Run, names: Sequence[str]) -> str:
    return ", ".join(f"data.{name}={getattr(run.config.data, name)}" for name in names)


def _evaluation(
    runs: Sequence[Run], n: int | None, seed: int, judge: str, device: Device, chosen: Mapping[str, Chosen]
) -> Evaluation:
    for run in runs:
        check_data(run)
    games = [run.game(device) for run in runs]  # now: a diverged one is known at once
    reference = reference_of(runs[0].config, judge, n, device, tell=say)
    n = reference.check(reference.default_n if n is None else n)
    scored: list[ScoredRun] = []
    for run, game in zip(runs, games, strict=True):
        raise_if_stopped()
        say(f"{printable(str(run.path))} after step {game.steps:,}: {n:,} samples ...")
        scored.append(score_run(run, game, reference, n, seed, device))
    raise_if_stopped()
    say(f"Real samples and noise, {n:,} of each ...")
    rows = tuple(named(row, chosen) for row in rows_of(scored, best=bool(chosen)))
    found = Evaluation(rows, reference, calibrate(reference, n, seed), n, seed, judge)
    say("\n" + "\n\n".join(_told(found)))
    return found


# ---- what is told ----------------------------------------------------------------------------------------


def _told(found: Evaluation) -> Iterator[str]:
    yield table(found)
    yield notes(found)
    if found.reference.digits is not None:
        judge = found.reference.digits.judge
        yield filled(
            f'Judge "{found.judge}", {judge.accuracy:.2%} right on test images, SHA-256 {short(judge.sha256)}.'
        )
    if found.reference.left_out:
        yield filled(found.reference.left_out)


def _files(found: Evaluation, chosen: Mapping[str, Chosen]) -> dict[str, bytes]:
    with look():
        files = page_files(page(found))
    numbers = {**_numbers(found, chosen), "files": [*files, SCORES]}
    return {**files, SCORES: (json.dumps(numbers, indent=1) + "\n").encode()}


def _numbers(found: Evaluation, chosen: Mapping[str, Chosen]) -> dict[str, Any]:
    reference, digits = found.reference, found.reference.digits
    judge = digits and {
        "name": found.judge,
        "sha256": digits.judge.sha256,
        "accuracy": digits.judge.accuracy,
    }
    return {
        "minigan": __version__,
        "data": reference.name,
        "compared_with": len(reference.training),
        "samples": found.n,
        "seed": found.seed,
        "judge": judge,
        "left_out": reference.left_out,
        "rows": [_row(row, chosen) for row in found.rows],
        "calibration": {name: plain(getattr(found.calibration, name)) for name in ("real", "noise", "more")},
    }


def _row(row: Row, chosen: Mapping[str, Chosen]) -> dict[str, Any]:
    means = {column.path: mean(row.scores, column.path) for column in columns_of(row.scores)}
    return {
        "name": row.title,
        "about": row.about,
        "runs": [_run(run, chosen.get(run.path)) for run in row.runs],
        "mean": plain({path: value for path, (value, _) in means.items()}),
        "standard_error": plain({path: error for path, (_, error) in means.items()}),
    }


def _run(run: ScoredRun, chosen: Chosen | None) -> dict[str, Any]:
    how = {} if chosen is None else {"chosen": asdict(chosen)}
    return {
        "path": run.path,
        "step": run.step,
        "seed": run.config.training.seed,
        **how,
        "scores": plain(run.scores),
    }
