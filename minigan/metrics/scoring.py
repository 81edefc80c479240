"""Scoring while training: a line in scores.jsonl every so many epochs, the best checkpoint, and a picture."""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.errors import DivergedError
from minigan.gan import folder, journal
from minigan.gan.folder import SCORE_CURVES, TIMING
from minigan.gan.means import rounded
from minigan.gan.pictures import score_curves
from minigan.gan.run import Run
from minigan.gan.score_log import BEST, comparable
from minigan.gan.trainer import Extension, Trainer
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.hashes import short
from minigan.metrics.scorers import Scorer
from minigan.streams import say

LONGEST = 500  # letters of an error
SEED = 2**41  # of z: nobody types it, so what is reported later is drawn from other z than what was chosen by


class Scoring(Extension):
    """Scores samples after every so many epochs, and after the last step.

    All scores of a run are of the same z, and of G's average where there is one, as in `minigan sample`. The game is
    not touched: z is drawn from a stream of its own. What a repetition of the run gives again is in scores.jsonl, and
    the step of the best score so far with it: the checkpoint after this step is saved, and stays.

    A score that fails is an ``error`` in its line. It is said once, and training goes on.

    Args:
        run: where to; its ``config.score`` says how often, and how many samples.
        scorer: who scores, see `minigan.metrics.scorers.scorer_of`.

    >>> import tempfile
    >>> from minigan.gan.extensions import Checkpoints
    >>> from minigan.metrics.scorers import scorer_of
    >>> from minigan.metrics.scoring import Scoring
    >>> sets = ["score.every=1", "data.count=2000", "training.batch_size=100", "training.steps=40"]
    >>> config = mg.gan.set_fields(mg.gan.load_preset("ring"), sets)
    >>> data = mg.gan.source.data_of(config)
    >>> loader = mg.gan.source.loader_of(config, data)
    >>> game = mg.gan.build_game(config, mg.gan.DataFacts.of(loader, config), mg.device("cpu"))
    >>> run = mg.gan.Run.create(tempfile.mkdtemp(), config)
    >>> scoring = Scoring(run, scorer_of(config, data, mg.device("cpu")))
    >>> mg.gan.Trainer(game, loader, config.training.steps, [scoring, Checkpoints(run)]).run()
    >>> [(line["step"], line["epoch"], line["samples"]) for line in run.scores.lines()]
    [(20, 1, 2500), (40, 2, 2500)]
    >>> run.close()
    """

    def __init__(self, run: Run, scorer: Scorer) -> None:
        self.run = run
        self.scorer = scorer
        self.facts: dict[str, Any] = {"samples": run.config.score.n, "ranked_by": scorer.ranked_by, **scorer.facts}
        self.best: dict[str, Any] | None = None  # the line to beat
        self.best_step: int | None = None  # that of it, or as long as there is none, of what was best before

    def start(self, trainer: Trainer) -> None:
        lines = self.run.scores.lines()
        self.scored = lines[-1]["step"] if lines else 0
        self.failed_before = False
        scores = [line for line in lines if self._compares(line)]
        self.note = self.told_later = self._of_step(scores[-1]) if scores else ""
        there = {step for step, _ in folder.checkpoints(self.run.path)}
        saved = [line for line in scores if line["step"] in there]
        self.best = max(saved, key=self.scorer.rank, default=None)  # the first of equal ones
        before = next((step for step in self.run.scores.bests() if step in there), None)
        self.best_step = before if self.best is None else self.best["step"]
        if self.best is None and before is not None:
            self._say_anew(before)

    def after_step(self, trainer: Trainer) -> None:
        self.note = self.told_later

    def after_epoch(self, trainer: Trainer) -> None:
        if trainer.epoch_due(self.run.config.score.every):
            self._score(trainer)

    def end(self, trainer: Trainer) -> None:
        if trainer.step == trainer.steps > self.scored:  # not after a signal: who sent it is waiting
            self._score(trainer)
        self._draw()

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        if isinstance(error, DivergedError):
            self._draw()

    # ---- a score -----------------------------------------------------------------------------------------

    def _score(self, trainer: Trainer) -> None:
        line = {"step": trainer.step, "epoch": trainer.epoch, **self.facts, **self._numbers(trainer)}
        if self._compares(line):
            self.note, self.told_later = self.scorer.tell(line), self._of_step(line)
            if self.best is None or self.scorer.rank(line) > self.scorer.rank(self.best):
                self.best, self.best_step = line, line["step"]
        if self.best_step is not None:
            line[BEST] = self.best_step
        self.run.scores.add(line)
        self.scored = trainer.step

    def _of_step(self, line: dict[str, Any]) -> str:
        """What is told of a score when the training has gone on since."""
        return f"{self.scorer.tell(line)} (step {line['step']:,})"

    def _say_anew(self, before: int) -> None:
        say(
            "minigan: the scores so far are of another number of samples than the next ones, by another judge or of "
            f"other data, so the next one starts a new best; until then it is that of step {before:,}.",
            to="stderr",
        )

    def _numbers(self, trainer: Trainer) -> dict[str, Any]:
        try:
            drawn = draw(trainer.game, self.run.config.score.n, SEED, trainer.device)
            numbers = rounded(self.scorer.score(*drawn))  # to six digits, as a resume will read them
        except Exception as error:  # whatever it is: hours of training are worth more than a score
            return self._error(trainer, str(error) or type(error).__name__)
        return numbers

    def _error(self, trainer: Trainer, reason: str) -> dict[str, Any]:
        self.note = self.told_later = "no score"
        if not self.failed_before:
            say(f"minigan: no score after step {trainer.step:,}, and training goes on: {reason}", to="stderr")
        self.failed_before = True
        return {"error": reason[:LONGEST]}

    def _compares(self, line: dict[str, Any]) -> bool:
        """Whether a line has a score that compares with the next ones."""
        return comparable(line, self.facts) and "error" not in line and all(name in line for name in self.scorer.names)

    # ---- the picture -------------------------------------------------------------------------------------

    def _draw(self) -> None:
        lines = [line for line in self.run.scores.lines() if self._compares(line)]
        if self.best is None or not lines:
            return
        best = self.best["step"]
        title = f"{self.run.config.name}: {self.facts['samples']:,} samples each, best after step {best:,}"
        if "judge" in self.facts:
            title += f", judge {short(self.facts['judge'])}"
        scorer = self.scorer
        picture = score_curves(self._timed(lines), scorer.panels, title, best, scorer.of_real, scorer.of_noise)
        self.run.write(SCORE_CURVES, picture)

    def _timed(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """With ``seconds``, by timing.jsonl: the scores themselves shall be the same in a repetition."""
        times = [(0, 0.0), *((line["step"], line["seconds"]) for line in journal.lines(self.run.path / TIMING))]
        seconds = np.interp([line["step"] for line in lines], *np.transpose(times))
        return [{**line, "seconds": float(at)} for line, at in zip(lines, seconds, strict=True)]
