"""The page of the experiment doctor."""

from __future__ import annotations

import math
from html import escape

from minigan.lab.experiments import doctor_findings as limits
from minigan.lab.experiments.doctor import Doctor, Patient
from minigan.lab.experiments.doctor_findings import Evidence, Finding
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table, Text, number
from minigan.lab.pages.doctor_pictures import pictures

NARROW = '<span style="display: inline-block; max-width: 22rem; white-space: normal">{}</span>'
WIDE = NARROW.replace("22rem", "44rem")
Row = tuple[str, str, str]
WORDS = {"ill": '<b class="bad">ill</b>', "well": "well", "unknown": "unknown"}
ABOUT = {
    "D too strong": "D(x) near 1 and D(G(z)) near 0: D is sure of everything",
    "G starved": "G's gradient has vanished, measured on the step after the checkpoint",
    "collapse": "samples of different z are all alike, or leave modes out",
    "divergence": "losses grow without bound, or swing more and more",
    "train/eval gap": "samples in evaluation mode are not those that D judged in training, or D judges otherwise there",
    "NaN": "training broke off because a number was no number",
}
LOOK_FOR = {
    "losses": "bounded, and quiet or slowly moving, is well; that they do not fall is no fault, as the players pull in "
    "opposite directions",
    "D's opinion": "the means of D(x) and D(G(z)), or of the scores; between the grey bands D is in doubt, and only a "
    "D in doubt teaches",
    "D's outputs": "on single samples, at the checkpoint: two heaps that overlap are well; two far apart mean that D "
    "is sure of each single one",
    "gradient over weights": "of each layer, in one step after the checkpoint; below the dashed line G is starved",
    "samples": "in evaluation mode, as they are drawn for people",
    "variety": "how many samples are nearest to each mode, or are read as each digit, beside real ones. The judge that "
    "reads knows ten answers and no other: what is no digit yet is an eight to it, so that its counts decide only "
    "where eights are few",
    "training mode": "the same z as the samples, where G has layers that work differently there",
}


def page(data: Doctor) -> Page:
    """What `minigan lab doctor` shows."""
    ours = data.patients[0].expected is not None
    sections = [_summary(data), _one_by_one(data), _how()] if ours else [_one_by_one(data), _how()]
    title = "What is wrong with this run?" if ours else f"What is wrong with {escape(data.patients[0].name)}?"
    found = "; ".join(f"{patient.name}: {patient.in_words}" for patient in data.patients)
    told = "".join(f" {note}" for patient in data.patients for note in patient.notes if not ours)
    return Page(title, _lead(data, ours), sections, _checks(data) if ours else [], f"Found in {found}.{told}")


def _lead(data: Doctor, ours: bool) -> str:
    if ours:
        return (
            "A GAN that fails does not say why: its losses look much the same when all is well. Six illnesses have "
            f"symptoms that can be measured, in the log and on a checkpoint. Here {len(data.patients)} short runs are "
            "examined, most of them made ill on purpose. <code>minigan lab doctor runs/default</code> examines one of "
            "yours in the same way."
        )
    patient = data.patients[0]
    verdict = f"Found: <b>{patient.in_words}</b>."
    unknown = [finding.name for finding in patient.findings if finding.verdict == "unknown"]
    open_ = f" Not judged: {', '.join(unknown)}." if unknown else ""
    made, wanted = patient.steps
    return f"{verdict}{open_} {made:,} of {wanted:,} steps were made; {_settings(patient)}."


def _settings(patient: Patient) -> str:
    preset, task, loss = map(escape, patient.settings)
    return f"preset {preset}, task {task}, loss {loss}"


# ---- all patients ---------------------------------------------------------------------------------------------


def _summary(data: Doctor) -> Section:
    names = [finding.name for finding in data.patients[0].findings]
    rows = [
        (patient.name, NARROW.format(escape(patient.about)), *(WORDS[f.verdict] for f in patient.findings))
        for patient in data.patients
    ]
    caption = (
        "Unknown is what cannot be judged: a run that broke off before its first checkpoint has no samples. Illnesses "
        "come together: a D that is sure starves a G with the minimax loss, and a starved G, which never learned "
        "anything, draws the same for every z; and losses that leave all bounds end in a NaN. Look for the first "
        "cause, and mend that."
    )
    table = Table("Findings", ("run", "what it is", *names), rows, caption)
    return Section("All patients", [], [table])


# ---- one by one -----------------------------------------------------------------------------------------------


def _one_by_one(data: Doctor) -> Section:
    patients = data.patients
    caption = (
        "What was found comes first, the numbers behind it come last. What to look for in the pictures between them is "
        "in the table below."
    )
    panels = [
        Panel("diagnosis", [Text(_diagnosis(patient)) for patient in patients], wide=True),
        *pictures(patients),
        Panel("evidence", [Text(_evidence(patient)) for patient in patients], wide=True),
    ]
    sliders = [Slider("run", [patient.name for patient in patients])] if len(patients) > 1 else []
    title = "One by one" if sliders else "The examination"
    return Section(title, [], [Exhibit("The run", caption, panels, sliders), _pictures()])


def _pictures() -> Table:
    rows = [(name, WIDE.format(what)) for name, what in LOOK_FOR.items()]
    return Table("What to look for in the pictures", ("picture", "what it shows, and what is well"), rows)


def _diagnosis(patient: Patient) -> str:
    rows = "".join(map(_row, patient.findings))
    made, wanted = patient.steps
    about = f"<b>{escape(patient.name)}</b>: {escape(patient.about)}"
    facts = f"<p>{about}. {made:,} of {wanted:,} steps, {_settings(patient)}.</p>"
    notes = "".join(f"<p><b>Note:</b> {escape(note)}</p>" for note in patient.notes)
    head = "<tr><th>finding</th><th>verdict</th><th>what it says, what to change, where to look</th></tr>"
    return f"{facts}{notes}<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _row(finding: Finding) -> str:
    what = escape(finding.says)
    if finding.change:
        what += (
            f"<br><b>Change:</b> {escape(finding.change)}<br><b>Look at:</b> <code>minigan lab {finding.look}</code>"
        )
    cell = f'<td style="white-space: normal; min-width: 11rem">{what}</td>'
    return f"<tr><td>{finding.name}</td><td>{WORDS[finding.verdict]}</td>{cell}</tr>"


def _evidence(patient: Patient) -> str:
    rows = "".join(
        _number("" if i else finding.name, each)
        for finding in patient.findings
        for i, each in enumerate(finding.evidence)
    )
    head = "<tr><th>finding</th><th>evidence</th><th>this run</th><th>a symptom if</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _number(name: str, evidence: Evidence) -> str:
    limit = "" if math.isnan(evidence.limit) else f"{'above' if evidence.ill_above else 'below'} {evidence.limit:.3g}"
    value = "" if math.isnan(evidence.value) else number(evidence.value, ".3g")
    shown = f'<span class="bad">{value}</span>' if evidence.is_symptom else value
    return f'<tr><td>{name}</td><td>{evidence.name}</td><td class="number">{shown}</td><td>{limit}</td></tr>'


# ---- limits -----------------------------------------------------------------------------------------------------


def _how() -> Section:
    text = [
        "No limit is a law of nature: each lies well between what short runs of the presets show and what runs show "
        "that were made ill on purpose. A run in its first steps looks collapsed to any of these measures, as G then "
        f"draws the same grey for every z: up to {limits.YOUNG:,} images, or {limits.YOUNG_STEPS:,} steps on points, a "
        "collapse or a starved G may be youth; ask again later.",
        " ".join(f"<b>{name}</b>: {what}." for name, what in ABOUT.items()),
        "The <b>AUC</b> of D is the area under its ROC curve: the share of all pairs of a real sample and a fake in "
        "which the real one has the larger output. At 1 D tells them apart, at ½ it guesses, below that it takes fakes "
        "for real.",
    ]
    rows = [*_limits_of_players(), *_limits_of_samples(), *_limits_of_losses(), *_limits_of_modes()]
    nan = ("NaN", "curves, but no checkpoint at the last step; or a NaN in log or checkpoint", "how the trainer stops")
    return Section("How it is judged", text, [Table("Limits", ("finding", "a symptom", "why there"), [*rows, nan])])


def _limits_of_players() -> list[Row]:
    return [
        ("D too strong", f"D(x) above {limits.SURE}, D(G(z)) below {1 - limits.SURE:.2f}", "as logits of 3 and −3"),
        ("G starved", f"gradient over weights below {limits.FAINT:g}", "healthy: .01 to .7; starved: below 2e-4"),
        ("", f"and Adam moves a weight by less than {limits.SLOW:g} lr", "healthy: .4 to 1.1; starved: below .04"),
    ]


def _limits_of_samples() -> list[Row]:
    alike = f"samples below {limits.ALIKE:g} of the distance of real ones"
    modes = f"or above {limits.LOST:.0%} of the modes below {limits.RARE:.0%} of the samples"
    digits = f"or a digit certainly below {limits.FEW:.0%} of its share, if at most {limits.UNREAD:.0%} are eights"
    return [
        ("collapse", alike, "healthy: .44 to 1; ill: below .15"),
        ("", modes, "young runs lose fewer"),
        ("", digits, f"healthy: 20% or more; certain: chance below {limits.CHANCE:g}"),
    ]


def _limits_of_losses() -> list[Row]:
    return [
        ("divergence", f"a loss above {limits.BLOWN:g}", "a probability of 2e-9"),
        ("", f"or a swing above {limits.VISIBLE:g} that grows {limits.GROWN:g} times", "second half over the first"),
        ("", f"with wasserstein: above {limits.SPAN:g} mean distances of real samples", "what a slope of 1 allows"),
    ]


def _limits_of_modes() -> list[Row]:
    of_G = f"of G: either way above {limits.UNLIKE:g} distances of two samples"
    of_D = f"of D: its AUC in evaluation mode is more than {limits.UNTRUE:g} below that in training mode"
    return [
        ("train/eval gap", of_G, "healthy: .03 to .15"),
        ("", of_D, "BatchNorm in D: most often by .5 and more; other D: by 0"),
    ]


# ---- checks -----------------------------------------------------------------------------------------------------


def _checks(data: Doctor) -> list[Check]:
    checks = []
    for patient in data.patients:
        expected = set(patient.expected or ())
        found = float(len(expected & set(patient.ails)))
        if expected:
            name = f"{patient.name}: {', '.join(sorted(expected))}"
            checks.append(Check(name, float(len(expected)), found, 0.0, by="earlier runs"))
        alarms = float(len(patient.alarms))
        checks.append(Check(f"{patient.name}: false alarms", 0.0, alarms, 0.0, by="earlier runs"))
    return checks
