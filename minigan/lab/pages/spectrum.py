"""The page on eigenvalues: what is told, in which order, and what was predicted."""

from __future__ import annotations

from collections.abc import Iterator

from minigan.lab.experiments.spectrum import Spectrum
from minigan.lab.experiments.spectrum_eigenvalues import BIG
from minigan.lab.experiments.spectrum_motion import WATCHED
from minigan.lab.page import Check, Page, Section
from minigan.lab.pages.spectrum_paths import FOLLOWED, motion, networks, two_weights
from minigan.lab.pages.spectrum_planes import (
    LINEAR,
    along_training,
    large,
    large_table,
    same_weights,
    step_sizes,
    steps_table,
)


def page(data: Spectrum) -> Page:
    """What the experiment found, as a page."""
    return Page(
        "Rotation against attraction",
        "A game has no landscape to roll down: where one player goes downhill, the other's hill changes. What it has "
        "is a field of arrows, and the eigenvalues of that field's Jacobian say whether training closes in, runs "
        "away, or turns. This page has all of them for two small networks, and the largest of two large ones.",
        [
            Section("One vector, one field, one matrix", _matrix(data), [along_training(data)]),
            Section("What makes them turn, and what stops it", SAME, [same_weights(data)]),
            Section("Which steps are allowed", STEPS, [step_sizes(data), steps_table(data)]),
            Section("A prediction to try", MOTION, [motion(data)]),
            Section("The path angle", PATH, [two_weights(data), networks(data)]),
            Section("Large networks", _arnoldi(data), [large(data), large_table(data)]),
        ],
        list(_checks(data)),
    )


def _matrix(data: Spectrum) -> list[str]:
    return [
        f"Put all weights of G and D into one vector <var>w</var>: {data.parameters} numbers for two networks with "
        "two hidden layers each, on 256 fixed points of a ring of eight Gaussians, with fixed <var>z</var>. Each "
        "player goes down its own loss, so the arrow at <var>w</var> is <var>v</var> = (−∇<sub>G</sub> L<sub>G</sub>, "
        "−∇<sub>D</sub> L<sub>D</sub>). Training is a walk along these arrows.",
        "How the arrow changes with the weights is a matrix, the Jacobian <var>J</var> = d<var>v</var>/d<var>w</var>. "
        "For one loss it would be symmetric (a Hessian, with the sign turned), and all eigenvalues would be real "
        "numbers. A game has two losses, the matrix is not symmetric, and eigenvalues may be complex. Along an "
        "eigenvector a small displacement is multiplied by e<sup>λ<var>t</var></sup> in the time <var>t</var>: it "
        "shrinks if Re λ is below 0, and turns with the speed Im λ.",
        "minigan differentiates its own backward pass: <var>v</var> comes from one backward pass that is itself "
        "recorded, and a second one, started from a vector <var>u</var>, gives <var>J</var><sup>T</sup><var>u</var>. "
        "With the unit vectors for <var>u</var> that is all of <var>J</var>, row by row.",
        f"Eigenvalues smaller than {BIG:g} are left out of the pictures, because next to nothing moves along them. The "
        f"axes are linear up to {LINEAR:g} and logarithmic beyond.",
    ]


SAME = (
    "<var>J</var> has four blocks. The two on the diagonal say how each player's slope changes with its own weights: "
    "curvature, as in any training. The other two say how each changes the other's slope. In a zero-sum game, in which "
    "one player pays what the other gains, these are each other's negative transpose, and such a matrix, standing "
    "alone, has only imaginary eigenvalues: rotation comes of the coupling of the players, attraction of curvature. "
    "Which one wins can be seen by taking parts away, at one place: the weights at the end of the training with R1.",
    "The Wasserstein loss is linear in D's scores, so where fakes lie on real points both pull D's weights with equal "
    "forces in opposite directions, and no curvature is left. The non-saturating loss is curved: a D that is too sure "
    "is punished more than a D that is too careful is rewarded. R1 is curved in D's weights, with its minimum where D "
    "is flat.",
)

STEPS = (
    "Eigenvalues belong to arrows, but training goes in steps. A step of size <var>h</var> is <var>w</var> + "
    "<var>h</var><var>v</var>, so a small displacement is multiplied by 1 + <var>h</var>λ. Where only attraction is "
    "at work, any small <var>h</var> will do. Where rotation is at work, straight steps lead away from the circle on "
    "which they should go, and attraction has to make up for it. An eigenvalue left of 0 leaves the circle of radius 1 "
    "at <var>h</var> = −2 Re λ / |λ|². R1 pulls eigenvalues to the left, and can move that limit out until its own "
    "curvature is what sets it.",
)

MOTION = (
    "Eigenvalues are a statement on what is infinitely small. Is it true of networks that are trained? Push the "
    "weights a little along the eigenvector of one eigenvalue of the game with R1, train on with and without this "
    "push, by plain gradient descent, and see.",
)

PATH = (
    "Eigenvalues need second derivatives. Berard et al. (2020) look at the field alone, along the straight line "
    "through two checkpoints: <var>w</var>(α) = <var>w</var><sub>0</sub> + α (<var>w</var><sub>1</sub> − "
    "<var>w</var><sub>0</sub>). The angle between the field and the line tells attraction from rotation, and costs "
    "one gradient for each α. If the game only attracts, the field points forwards before the second checkpoint and "
    "backwards after it: the cosine switches its sign. If it only turns, the field crosses the line at a right angle, "
    "and only beside the equilibrium does it point along the line: a bump with one sign on both sides.",
    "In a network most of the line lies in directions in which the game is flat, so that the field stands across it "
    "and the cosines are small. The height of a bump depends on how far the line passes by the equilibrium: "
    "a switch is a sign of attraction, but no bump is no proof that nothing turns.",
)


def _arnoldi(data: Spectrum) -> list[str]:
    most = max(each.products for each in data.large)
    return [
        f"A Jacobian of {data.large[0].parameters:,} weights cannot be handled as a matrix. Arnoldi's method does not "
        "ask for it: it multiplies a vector by the matrix again and again, which turns the vector towards the "
        "eigenvectors of the largest eigenvalues, and solves a small problem in the space of all vectors seen so far "
        f"(SciPy's <code>eigs</code>). At most {most} products were needed here. They are products with "
        "<var>J</var><sup>T</sup>, one backward pass each; a product with <var>J</var> would take two. Nothing is "
        "lost by that: a matrix and its transpose have the same eigenvalues.",
    ]


# ---- predictions -----------------------------------------------------------------------------------------


def _checks(data: Spectrum) -> Iterator[Check]:
    for game in data.known:
        yield Check(f"{game.name}: largest difference of an eigenvalue", 0.0, game.apart, 1e-12)
    agreed = data.agreement
    yield Check("Ju by differences of the field, and by the Jacobian: difference", 0.0, agreed.differences, 1e-8)
    yield Check("the largest eigenvalues by Arnoldi's method, and all: difference", 0.0, agreed.arnoldi, 1e-8)
    name = "sum of the eigenvalues, its change by γ: −½ of the sum of second derivatives of |∇<sub>x</sub>D|² in ψ"
    yield Check(name, agreed.slope, agreed.slope_of_sums, 1e-8, True)
    name = f"motion after {WATCHED} steps: its distance from (1 + hλ)<sup>{WATCHED}</sup>, relative"
    yield Check(name, 0.0, data.motion.apart, FOLLOWED)
