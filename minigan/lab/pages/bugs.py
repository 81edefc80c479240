"""The page of `bugs`: mistakes, their symptoms, why, and the mend."""

from __future__ import annotations

from minigan.lab.experiments.bugs import Bugs
from minigan.lab.page import Page, Section, Table
from minigan.lab.pages import bugs_chain, bugs_losses, bugs_training
from minigan.lab.pages.bugs_losses import FLOOR, TOP

LEAD = (
    "Eight mistakes that introductions to GANs make, each as a program that runs. Beside it runs the mended one, from "
    "the same weights and the same samples. In all code and all curves <strong style='color: var(--orange)'>orange "
    "(−, thin) is wrong</strong> and <strong style='color: var(--blue)'>blue (+, thick) is mended</strong>. Here is "
    "the bug, each time: say what it does to the curves, and why, before you open the answer."
)

NOTICE = Table(
    "What to look at first",
    ("what shows", "look for", "mistake"),
    (
        (f"loss of D never below {FLOOR:.3f}, D(x) never above {TOP:.3f}", "two sigmoids", "1"),
        ("loss that jumps and stays up, or NaN at once", "a logarithm of what is no probability", "2"),
        ("loss that stays noisy to the end", "the learning rate of the last step", "3"),
        ("D(x) below ½ and D(G(z)) above", "which term of V has the data", "4"),
        ("gradients that do not vanish where they should", "which of two losses G really has", "5"),
        ("a Wasserstein distance that grows without end", "what is clipped, and when", "6"),
        ("an error in the second step only; all samples alike", "a name used twice; the shape of z", "7"),
        ("nothing: the words are wrong", "a product of derivatives", "8"),
    ),
    "Each line but the last is a symptom that can be seen in a run without knowing the mistake.",
)  # fmt: skip


def page(data: Bugs) -> Page:
    """All eight, and how to notice them."""
    sections = [
        bugs_losses.twice(data.sigmoid_twice),
        bugs_losses.outside(data.no_probabilities),
        bugs_training.decay(data.decay),
        bugs_losses.swapped(data.swapped),
        bugs_losses.name_only(data.name_only),
        bugs_training.clipped(data.clipping),
        bugs_training.names(data.shadowed, data.shape),
        bugs_chain.chain(data.chain),
        Section("How to notice", items=[NOTICE]),
    ]
    checks = sorted(
        bugs_losses.checks(data) + bugs_training.checks(data) + bugs_chain.checks(data.chain),
        key=lambda check: check.name[0],
    )
    return Page("Spot the bug", LEAD, sections, checks)
