"""What is wrong with a run: read its log and its newest checkpoint, and say so, with the evidence."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minigan.errors import DataError, DivergedError
from minigan.gan.source import data_of, loader_of
from minigan.lab.experiments.doctor_findings import Finding, findings
from minigan.lab.experiments.doctor_measures import Measures, measure
from minigan.lab.experiments.doctor_patients import PATIENTS, DemoRun, configured, train
from minigan.lab.experiments.doctor_reading import Folder, read_folder
from minigan.lab.numbers import Numbers
from minigan.lab.options import Seed, checked
from minigan.lab.repeatable import repeatable
from minigan.lab.watching import Array


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A run and what was found.

    Attributes:
        name: of the run.
        about: what it is.
        settings: the preset it comes from, its task and its loss.
        steps: the last step that was made, and how many were wanted.
        checkpoint: after which step the checkpoint was saved; None without one.
        log: the lines of the log, as arrays by name.
        measures: on the checkpoint; None where nothing could be measured.
        findings: six of them.
        expected: the illnesses that it was given on purpose; None for a run of a user.
        may: what may come along with them.
        notes: what could not be read or judged, and what does not fit together, in words.
    """

    name: str
    about: str
    settings: tuple[str, str, str]
    steps: tuple[int, int]
    checkpoint: int | None
    log: dict[str, Array]
    measures: Measures | None
    findings: Sequence[Finding]
    expected: Sequence[str] | None
    may: Sequence[str]
    notes: Sequence[str]

    @property
    def ails(self) -> list[str]:
        """The names of what is wrong."""
        return [finding.name for finding in self.findings if finding.verdict == "ill"]

    @property
    def judged(self) -> int:
        """How many of the findings could be judged."""
        return sum(finding.verdict != "unknown" for finding in self.findings)

    @property
    def in_words(self) -> str:
        """What is wrong, what may be youth, and how much could not be judged."""
        ill = [f for f in self.findings if f.verdict == "ill"]
        if ill:
            return ", ".join(f"{finding.name} (may be youth)" if finding.young else finding.name for finding in ill)
        some = f" in what could be judged ({self.judged} of {len(self.findings)})"
        return f"nothing wrong{some if self.judged < len(self.findings) else ''}"

    @property
    def alarms(self) -> list[str]:
        """Those that nobody has a reason to expect."""
        return [name for name in self.ails if name not in (*(self.expected or ()), *self.may)]


@dataclass(frozen=True, repr=False)
class Doctor(Numbers):
    """What `doctor` returns: one patient, or those of the lab."""

    patients: Sequence[Patient]


@checked
@repeatable
def doctor(run: str | None = None, /, *, seed: Seed = 0) -> Doctor:
    """Read a run's log and newest checkpoint, and say what is wrong with it; nothing in it is changed.

    Args:
        run: the folder of a run, such as runs/default; without one, short runs that are ill on purpose are made in a
            temporary folder, and diagnosed beside healthy ones.
        seed: of the z that samples are drawn from, and of the runs that are made.

    Raises:
        RunError: there is no run, or nothing in it to judge by.
        ConfigError: its settings cannot be read.
    """
    if run is not None:
        return Doctor([examine(run, seed)])
    with tempfile.TemporaryDirectory() as place:
        return Doctor([treat(patient, Path(place), seed) for patient in PATIENTS])


def treat(patient: DemoRun, place: Path, seed: int = 0) -> Patient:
    """Train a run of the lab into a folder at this place, and examine it."""
    folder = place / patient.name
    train(configured(patient, seed), folder)
    return replace(examine(folder, seed), about=patient.about, expected=patient.ails, may=patient.may)


def examine(path: str | Path, seed: int = 0) -> Patient:
    """One run; raises as `doctor` does."""
    folder = read_folder(path)
    notes = list(folder.notes)
    measures = _measured(folder, seed, notes)
    config = folder.config
    return Patient(
        name=folder.path.name,
        about=config.about,
        settings=(config.name, config.game.task, config.game.loss),
        steps=(folder.last_step, config.training.steps),
        checkpoint=folder.step,
        log=folder.log,
        measures=measures,
        findings=findings(folder, measures),
        expected=None,
        may=(),
        notes=notes,
    )


def _measured(folder: Folder, seed: int, notes: list[str]) -> Measures | None:
    if folder.game is None:
        return None
    try:
        return measure(folder.config, folder.game, loader_of(folder.config, data_of(folder.config)), seed)
    except (DataError, DivergedError) as error:
        notes.append(str(error))
        return None
