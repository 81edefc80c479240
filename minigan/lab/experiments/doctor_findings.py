"""What a doctor concludes from a log and from a checkpoint: six findings, each with its evidence and a way out.

The limits were calibrated on short runs of the presets and of runs made ill on purpose: each lies well between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from minigan.lab.experiments.doctor_curves import growth_of, halves, last, size_of, swing
from minigan.lab.experiments.doctor_measures import Measures, Variety
from minigan.lab.experiments.doctor_reading import Folder
from minigan.lab.experiments.short_runs import mixture_of
from minigan.lab.page.numbers import listed

Verdict = Literal["ill", "well", "unknown"]

SURE = 0.95  # D(x) above this and D(G(z)) below 1 - SURE: what logits of 3 and -3 would say
FAINT = 1e-3  # G's gradient beside its weights: healthy runs have .01 to .7, starved ones below 2e-4
SLOW = 0.1  # Adam moves a weight by .4 to 1.1 lr in healthy runs; by less than .04 where the gradient has faded away
ALIKE = 0.25  # the distance of two samples beside that of two real ones: healthy runs have .44 to 1, collapsed < .15
RARE = 0.01  # a mode that fewer samples than this are nearest to is forgotten; a fair share is 1 / modes
LOST = 0.5  # of the modes: if more are forgotten, G has collapsed; young runs lose fewer
YOUNG = 300_000  # images, five epochs of MNIST: before that, samples may be alike because G has just begun
YOUNG_STEPS = 300  # the same of points: healthy rings and grids of up to 50 steps may look collapsed, none of 100
BLOWN = 20.0  # a cross-entropy of 20 says that a probability is 2e-9; hinge and least squares want scores near 1
GROWN = 3.0  # by what the swing of a loss grows from its first half to its second
VISIBLE = 1.0  # a swing smaller than this does no harm, though it may grow
SPAN = 3.0  # of a critic with slope 1 scores differ by at most the distance of the samples: at most 3 mean distances
FEW = 0.25  # of its share: a digit that G draws less often is lost; in healthy runs the rarest has .2 of it or more
CHANCE = 1e-3  # lost is what a G that gives a digit ``FEW`` of its share would draw so rarely less often than this
UNREAD = 1 / 3  # of the samples: if more are eights to the judge, many are no digits yet, and its counts say nothing
UNLIKE = 0.25  # training beside evaluation mode, in distances of two samples: healthy runs have .03 to .15
UNTRUE = 0.2  # by what the AUC of D (see `roc_auc`) is less in evaluation mode than in training mode


@dataclass(frozen=True)
class Evidence:
    """A number, and from where on it is a symptom.

    Attributes:
        name: what it is.
        value: of this run.
        limit: of healthy runs; NaN for a number that is told, but does not decide.
        ill_above: whether it is a symptom above the limit, or below it.
    """

    name: str
    value: float
    limit: float = math.nan
    ill_above: bool = True

    @property
    def is_symptom(self) -> bool:
        """Whether the number is beyond its limit."""
        return self.value > self.limit if self.ill_above else self.value < self.limit


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that may be wrong with a run.

    Attributes:
        name: of the illness.
        verdict: whether the run has it; unknown if there is nothing to judge by.
        says: a sentence.
        change: what to do; empty if there is nothing to do.
        look: the experiment of the lab to look at.
        evidence: the numbers.
        young: whether it may be so because training has only just begun.
    """

    name: str
    verdict: Verdict
    says: str
    change: str
    look: str
    evidence: Sequence[Evidence]
    young: bool = False


def findings(folder: Folder, measures: Measures | None) -> list[Finding]:
    """All of them, in the order in which they are looked for."""
    return [find(folder, measures) for find in FINDINGS]


def _unknown(name: str, look: str, why: str) -> Finding:
    return Finding(name=name, verdict="unknown", says=why, change="", look=look, evidence=[])


def _found(
    ill: bool,
    name: str,
    says: tuple[str, str],
    change: str,
    look: str,
    evidence: Sequence[Evidence],
    young: bool = False,
) -> Finding:
    """``says`` is the sentence for the ill and the one for the healthy."""
    verdict: Verdict = "ill" if ill else "well"
    return Finding(
        name=name,
        verdict=verdict,
        says=says[not ill],
        change=change if ill else "",
        look=look,
        evidence=evidence,
        young=ill and young,
    )


# ---- D too strong -----------------------------------------------------------------------------------------------


def d_too_strong(folder: Folder, measures: Measures | None) -> Finding:
    """D(x) near 1 and D(G(z)) near 0."""
    name, look = "D too strong", "saturation"
    loss = folder.config.game.loss
    if loss not in ("minimax", "non-saturating"):
        return _unknown(name, look, f"With the loss {loss}, D's outputs are scores and no probabilities.")
    if "D_x" not in folder.log:
        return _unknown(name, look, "The log has no D(x).")
    real, fake = last(folder.log["D_x"]), last(folder.log["D_G_z"])
    evidence = [Evidence("D(x)", real, SURE), Evidence("D(G(z))", fake, 1 - SURE, ill_above=False)]
    if measures is not None:
        between = float(np.median(measures.on_real) - np.median(measures.on_fake))
        evidence.append(Evidence("logit of real minus logit of fake, medians", between))
    ill = all(each.is_symptom for each in evidence[:2])
    says = "D tells real from fake with hardly a doubt.", "D is in doubt, as it should be."
    change = (
        "Weaken or smooth D: game.r1_gamma (.3 for MLPs), fewer game.d_steps, a lower discriminator.lr, "
        'discriminator.dropout; and game.loss="non-saturating", under which G still learns.'
    )
    return _found(ill, name, says, change, look, evidence)


# ---- G starved --------------------------------------------------------------------------------------------------


def g_starved(folder: Folder, measures: Measures | None) -> Finding:
    """G's gradient is nothing beside its weights, and the optimizer does not make up for it."""
    name, look = "G starved", "flow"
    if measures is None:
        return _unknown(name, look, "G's gradient is measured on a checkpoint, and there is none.")
    gradients, adaptive = measures.gradients, folder.config.generator.optimizer != "sgd"
    evidence = [Evidence("length of G's gradient over that of its weights", gradients.relative("G"), FAINT, False)]
    if adaptive and math.isfinite(gradients.moved):
        evidence.append(Evidence("move of a weight of G over the learning rate", gradients.moved, SLOW, False))
    ill = all(each.is_symptom for each in evidence)
    if math.isfinite(gradients.signal[-1]):
        evidence.append(Evidence("length of the signal at D's logit", float(gradients.signal[-1])))
    evidence.append(Evidence("length of the signal at a fake", gradients.at_fake))
    wrong = "Next to nothing of D's opinion arrives in G's weights." + _youth(folder)
    says = wrong, "G gets a gradient that moves it."
    change = (
        'With game.loss="minimax": take "non-saturating". If D is too strong, mend that. If the signal at a fake is '
        "large and G's gradient is not, it dies in G: lower generator.lr, and use leaky_relu."
    )
    return _found(ill, name, says, change, look, evidence, young=bool(_youth(folder)))


# ---- collapse ---------------------------------------------------------------------------------------------------


def collapse(folder: Folder, measures: Measures | None) -> Finding:
    """Samples are all the same, or leave modes out."""
    name, look = "collapse", "collapse"
    if measures is None:
        return _unknown(name, look, "Samples are drawn from a checkpoint, and there is none.")
    variety = measures.variety
    if variety is None:
        return _unknown(
            name, look, "This G makes images of images: how different they are depends on what it is given."
        )
    evidence = [Evidence("distance of two samples over that of two real ones", _alike(variety), ALIKE, False)]
    if variety.kind == "modes":
        kept = float((variety.counts > RARE * variety.counts.sum()).mean())
        evidence.append(
            Evidence(f"share of {len(variety.counts)} modes with more than 1% of the samples", kept, LOST, False)
        )
        evidence.append(Evidence("share of the samples within three standard deviations of a mode", variety.clear))
    lost: list[int] = []
    if variety.kind == "digits":
        lost = lost_digits(variety)
        evidence.append(Evidence("effective number of digits, by the judge (real: 10)", effective(variety)))
        evidence.append(Evidence("digits with far fewer samples than their share, by the judge", len(lost), 0.5))
    ill = any(each.is_symptom for each in evidence)
    wrong = "Samples of different z are too much alike."
    if lost:
        wrong = f"Samples leave out {listed([str(digit) for digit in lost])}."
    says = wrong + _youth(folder), "Samples of different z are different."
    change = (
        "Let D see several samples at once (game.pack=2), add game.r1_gamma, lower generator.lr beside "
        "discriminator.lr, and check that z has its full size (generator.z_scale)."
    )
    return _found(ill, name, says, change, look, evidence, young=bool(_youth(folder)))


def _youth(folder: Folder) -> str:
    """A reason to wait."""
    steps = folder.last_step
    if mixture_of(folder.config) is not None:
        return f" After {steps:,} steps that may be youth: ask again later." if steps < YOUNG_STEPS else ""
    seen = steps * folder.config.training.batch_size
    return f" After {seen:,} images that may be youth: ask again later." if seen < YOUNG else ""


def _alike(variety: Variety) -> float:
    return variety.distance / variety.of_real if variety.of_real else math.nan


def effective(variety: Variety) -> float:
    """How many classes or modes there would be, if all had as many samples: the exponential of the entropy."""
    p = variety.counts[variety.counts > 0] / variety.counts.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def lost_digits(variety: Variety) -> list[int]:
    """Those that a G which gives each at least ``FEW`` of its share would hardly ever draw so few of.

    Of few samples nothing follows: 0 of 200 may be chance.
    """
    from scipy.stats import binom

    total, share = variety.counts.sum(), variety.real_counts / max(variety.real_counts.sum(), 1)
    if variety.counts[8] > UNREAD * total:
        return []
    return [int(k) for k in np.flatnonzero(binom.cdf(variety.counts, total, FEW * share) < CHANCE)]


# ---- divergence -------------------------------------------------------------------------------------------------


def divergence(folder: Folder, measures: Measures | None) -> Finding:
    """Losses that grow without bound, or swing more and more."""
    name, look = "divergence", "dirac"
    losses = {key: folder.log[key] for key in ("loss_D", "loss_G") if key in folder.log}
    if not losses or folder.lines < 8:
        return _unknown(name, look, f"The log has {folder.lines} lines, too few to see whether something grows.")
    if not any(np.isfinite(halves(values)[1]).any() for values in losses.values()):
        return _unknown(name, look, "The second half of the log has no loss that is a finite number.")
    limit = _largest(folder, measures)
    evidence = []
    for key, values in losses.items():
        if folder.config.game.loss == "wasserstein" and key == "loss_G":
            continue  # adding a number to all scores changes nothing but this
        size, growth = size_of(values), growth_of(values)
        evidence.append(Evidence(f"size of {key} in the second half", size, limit))
        evidence.append(
            Evidence(f"growth of the swing of {key}", growth, GROWN if swing(values) > VISIBLE else math.nan)
        )
    ill = any(each.is_symptom for each in evidence)
    says = "The losses leave all bounds.", "The losses stay within bounds."
    change = (
        "Lower both learning rates, generator.lr and discriminator.lr, by ten; add game.r1_gamma, or "
        'game.gradient_penalty with "wasserstein"; let the players move in turn (game.rule="alternating").'
    )
    return _found(ill, name, says, change, look, evidence)


def _largest(folder: Folder, measures: Measures | None) -> float:
    """What a loss should not be larger than."""
    if folder.config.game.loss != "wasserstein":
        return BLOWN
    return SPAN * measures.variety.of_real if measures is not None and measures.variety is not None else math.nan


# ---- train/eval gap ---------------------------------------------------------------------------------------------

MEND_G = (
    "BatchNorm takes its statistics from the batch in training, and running ones in evaluation. Enlarge "
    'training.batch_size, or set generator.norm="layer" or "none".'
)
MEND_D = (
    "With BatchNorm, D sees real samples and fakes in batches of their own, and makes both mean 0; in evaluation it "
    'takes one average for both. Set discriminator.norm="layer" or "none"; until then D_x_test means nothing.'
)


def train_eval_gap(folder: Folder, measures: Measures | None) -> Finding:
    """What is drawn for people to see is not what D has judged; or D judges otherwise when it is asked later."""
    name, look = "train/eval gap", "flow"
    if measures is None:
        return _unknown(name, look, "Samples are drawn from a checkpoint, and there is none.")
    of_G, of_D = _gap_of_G(measures), _gap_of_D(measures)
    if not of_G and not of_D:
        return _unknown(name, look, "This G makes images of images; its two modes are not compared.")
    ill_G, ill_D = (any(each.is_symptom for each in evidence) for evidence in (of_G, of_D))
    wrong = "What G draws in evaluation mode is not what it draws in training, where D judges it." if ill_G else ""
    if ill_D:
        wrong += f"{' ' * ill_G}In evaluation mode D no longer tells what it tells in training: do not ask it there."
    well = "Both modes draw nearly the same." if measures.two_modes else "G works the same in both modes."
    change = MEND_G * ill_G + " " * (ill_G and ill_D) + MEND_D * ill_D
    return _found(ill_G or ill_D, name, (wrong, well), change, look, [*of_G, *of_D])


def _gap_of_G(measures: Measures) -> list[Evidence]:
    if measures.gap is None or measures.swing is None:
        return []
    limit = UNLIKE if measures.two_modes else math.nan
    return [
        Evidence("evaluation mode beside training mode", measures.gap, limit),
        Evidence("swing in training mode with the other samples of the batch", measures.swing, limit),
    ]


def _gap_of_D(measures: Measures) -> list[Evidence]:
    """Where D has BatchNorm.

    The limit was measured on five presets with BatchNorm in D, with batches of 2 to 256 and two seeds: a D with an AUC
    of .7 to .92 in training mode has one of 0 to .63 in evaluation mode, most often below .1. How far its outputs in
    the two modes are from each other does not tell: they are farthest where D tells most.
    """
    if measures.auc_of_D is None:
        return []
    training, evaluation = measures.auc_of_D
    return [
        Evidence("AUC of D, training mode", training),
        Evidence("AUC of D, evaluation mode", evaluation, training - UNTRUE, False),
    ]


# ---- NaN --------------------------------------------------------------------------------------------------------


def not_a_number(folder: Folder, measures: Measures | None) -> Finding:
    """A run that stopped because of a NaN leaves curves, and no checkpoint at its last step."""
    steps = folder.config.training.steps
    logged = float(sum((~np.isfinite(folder.log[key])).any() for key in ("loss_D", "loss_G") if key in folder.log))
    broke_off = math.nan if folder.broke_off is None else float(folder.broke_off)
    evidence = [
        Evidence("broke off with curves, but without a checkpoint (1 for yes)", broke_off, 0.5),
        Evidence("losses of the log with a NaN", logged, 0.5),
        Evidence("NaN and infinities in the checkpoint", float(measures.unfinite) if measures else math.nan, 0.5),
        Evidence("share of the steps that were made", folder.last_step / steps),
    ]
    ill = any(each.is_symptom for each in evidence)
    if folder.broke_off is None and not ill:
        return _unknown(
            "NaN", "flow", "The checkpoint of the last step is damaged or lost: a NaN would leave none, too."
        )
    says = (
        f"Training broke off after step {folder.last_step:,} of {steps:,}, as it does when a number is NaN or "
        "infinite.",
        "All numbers are finite.",
    )
    change = (
        "Lower the learning rates; clip gradients (generator.clip_grad_norm, discriminator.clip_grad_norm); in a "
        "program of your own, mg.detect_anomaly() names the first operation that made a NaN."
    )
    return _found(ill, "NaN", says, change, "flow", evidence)


FINDINGS: tuple[Callable[[Folder, Measures | None], Finding], ...] = (
    d_too_strong,
    g_starved,
    collapse,
    divergence,
    train_eval_gap,
    not_a_number,
)
