"""The page on the smallest GAN: what is told, in which order."""

from __future__ import annotations

from minigan.lab.experiments.dirac import Dirac
from minigan.lab.experiments.dirac_game import NOISY
from minigan.lab.page import Page, Section, Table
from minigan.lab.pages.dirac_checks import checks, nearest, rates_table, spectra_table
from minigan.lab.pages.dirac_exhibits import fates, loci
from minigan.lab.pages.dirac_matches import matches, rates
from minigan.lab.pages.dirac_more import bilinear, bilinear_table, cycle, cycle_table


def page(data: Dirac) -> Page:
    """What the experiment found, as a page."""
    return Page(
        "The smallest GAN",
        "The data are one point at 0. G has one parameter, θ: the place where it puts its point. D has one parameter, "
        "ψ: it gives a sample <var>x</var> the logit D(<var>x</var>) = ψ<var>x</var>, the larger, the more real. "
        "Nothing can hide in so small a game, and yet it shows why GANs are hard to train: both players learn as they "
        "should, and need not converge.",
        [
            Section("Two numbers that turn around each other", TURNING, [fates(data)]),
            Section("Eigenvalues: what the game wants", EIGENVALUES, [loci(data), spectra_table(data)]),
            Section("Steps: what the rule makes of it", STEPS, [matches(data)]),
            Section("How fast", RATES, [rates(data), _rates_table(data)]),
            Section("A cycle that no step size removes", CYCLE, [cycle(data.cycle), cycle_table(data.cycle)]),
            Section("Nothing but rotation", BILINEAR, [bilinear(data.bilinear), bilinear_table(data.bilinear)]),
        ],
        checks(data),
    )


def _rates_table(data: Dirac) -> Table:
    return rates_table(data, nearest(data.strengths, 0.3), nearest(data.h, 0.2))


TURNING = (
    "In the minimax game D pays softplus(ψθ) = log(1 + e<sup>ψθ</sup>) for the fake, and G pays the negative of that; "
    "what D pays for the real point at 0 is the same for every ψ. With <var>p</var> for the "
    "probability that D gives to the fake, the chain rule says how gradient descent moves them: θ by "
    "+<var>hp</var>ψ and ψ by −<var>hp</var>θ, where <var>h</var> is the learning rate. As long as ψ is above 0, D "
    "thinks more of samples farther to the right, and G goes right. As long as θ is above 0 the fake is to the right "
    "of the data, and D turns its slope down. Each chases the other around (0, 0), where G has the data and D cannot "
    "tell them apart.",
    "The step goes along (ψ, −θ), at a right angle to the position (θ, ψ). It is the side of a right-angled triangle, "
    "and if <var>r</var> was the distance from the middle, Pythagoras gives the square of the new one: "
    "<var>r</var>² (1 + <var>h</var>²<var>p</var>²), exactly. It grows in every step.",
)

EIGENVALUES = (
    "The arrows of the game, <var>v</var> = (−∂L<sub>G</sub>/∂θ, −∂L<sub>D</sub>/∂ψ), are its gradient field. Close to "
    "(0, 0) they are a matrix times the position: the Jacobian, whose rows say how each arrow changes with θ and ψ. "
    "minigan finds it by differentiating its own gradients once more. For minimax its rows are (0, ½) and (−½, 0). Its "
    "eigenvalues λ tell what happens: a negative real part attracts, an imaginary part turns. Here they are "
    "±½<var>i</var>: pure rotation, no attraction. No single loss has such eigenvalues, because the second derivatives "
    "of one function are symmetric; two players with two losses do.",
    "What can be added pulls them to the left. R1 and R2 let D pay γ/2 times its slope squared, on the data or on the "
    "fakes; here both are γψ²/2. Instance noise of standard deviation σ blurs data and fakes, so that a steep D errs "
    "on either side. Consensus lets both players pay for the squared length of all gradients. Each of them pushes a D "
    "that is steep for nothing back to flat.",
    "WGAN-GP is not among them. Its penalty γ/2 (|ψ| − 1)² wants a slope of 1 or −1, and its derivative jumps from +γ "
    "to −γ where ψ changes its sign. At (0, 0) there is no tangent, so there is no Jacobian: D is driven away from "
    "there on both sides, and only the radius of what it does can be told.",
    f"Noise that is drawn would make every run another one. Here it is {NOISY} fixed numbers, spread like the normal "
    "distribution and with exactly its mean and variance. Among the predictions at the end of the page is one with "
    "noise that minigan really drew.",
)

STEPS = (
    "The eigenvalues above belong to the arrows. Training goes in steps, and four rules say who moves when. "
    "<em>Simultaneous</em>: both gradients at one place, then both move. <em>Alternating</em>: D moves, and then G, "
    "against the D that has just moved. <em>Extragradient</em>: both look a step ahead, take the gradient there, and "
    "move from where they stood. <em>Optimistic</em>: as simultaneous, but each expects its gradient to change again "
    "as it changed last, and uses twice the last gradient minus the one before.",
    "Near (0, 0) each of these steps is a matrix, too, with eigenvalues μ that follow from λ. Simultaneous: "
    "μ = 1 + <var>h</var>λ. Extragradient: 1 + <var>h</var>λ + <var>h</var>²λ². Optimistic: the solutions of "
    "μ² − (1 + 2<var>h</var>λ) μ + <var>h</var>λ = 0. Alternating, if only D's loss is curved in its own parameter: "
    "those of μ² − (2 + <var>hs</var> − <var>h</var>²<var>q</var>) μ + 1 + <var>hs</var> = 0 with the sum <var>s</var> "
    "and the product <var>q</var> of both λ. The largest |μ| is what the distance is multiplied by, in the long run. "
    "WGAN is clipped at |ψ| = 1 after each move of D. Time is the number of steps times <var>h</var>, so that runs "
    "with different steps can be compared.",
)

RATES = (
    "A prediction is worth something if it can fail. The two figures hold the largest |μ| against runs of minigan's "
    "optimizers that begin very close to (0, 0). A dot is fitted to the part of a run along one eigenvector, which "
    "each step multiplies by one number. The radius would not do: it swings within each turn, and where two "
    "eigenvalues coincide, as for R1 with γ = 1, it falls like <var>k</var> μ<sup><var>k</var></sup> after "
    "<var>k</var> steps.",
)

CYCLE = (
    "The non-saturating loss has the same Jacobian at (0, 0) as minimax, but farther out its arrows are no longer "
    "at right angles to the position. To the next order a smooth motion loses <var>r</var>⁴/8 of <var>r</var>² in a "
    "unit of time, on the average of a turn. Simultaneous steps of size <var>h</var> add <var>h</var> <var>r</var>²/4 "
    "in that time. Both are equal where <var>r</var>² = 2<var>h</var>.",
)

BILINEAR = (
    "Without its clipping the WGAN of one point is the game min over <var>x</var> and max over <var>y</var> of "
    "<var>xy</var>: D's ψ is <var>x</var>, G's θ is <var>y</var>. Its eigenvalues are ±<var>i</var>, everywhere, and "
    "each rule is one matrix. What remains is the rule itself.",
    "An alternating step moves first <var>x</var> by the old <var>y</var>, then <var>y</var> by the new <var>x</var>: "
    "two shears, so the eigenvalues of the whole step have the product 1. As long as <var>h</var> is below 2 they are "
    "conjugate complex numbers, both of size 1, and <var>x</var>² + <var>y</var>² − <var>hxy</var> never changes.",
)
