"""Spot the bug: the value function with real and fake swapped.

V(D, G) = E log D(x) + E log(1 - D(G(z))). With D(G(z)) and D(x) in each other's place D learns to call fakes real and
data fake; G, which goes where D says "real", is driven away from the data.
"""

import minigan as mg
from minigan.lab.experiments.bugs_programs.line_game import Cost, play
from minigan.nn import functional as F

DATA = 3.0


def wrong(on_real: mg.Tensor, on_fake: mg.Tensor) -> mg.Tensor:
    """-V with D(x) and D(G(z)) in each other's place."""
    V = F.logsigmoid(on_fake).mean() + F.logsigmoid(-on_real).mean()
    return -V


def mended(on_real: mg.Tensor, on_fake: mg.Tensor) -> mg.Tensor:
    """-V: log D(x) is logsigmoid(logit), and log(1 - D(G(z))) is logsigmoid(-logit)."""
    V = F.logsigmoid(on_real).mean() + F.logsigmoid(-on_fake).mean()
    return -V


def fool(on_fake: mg.Tensor) -> mg.Tensor:
    """What G pays: it wants D to say that its samples are real."""
    return -F.logsigmoid(on_fake).mean()


def fool_swapped(on_fake: mg.Tensor) -> mg.Tensor:
    """What G would pay if it knew that real and fake are swapped."""
    return -F.logsigmoid(-on_fake).mean()


def end(cost_D: Cost) -> float:
    """Where G ends that starts at 0."""
    mg.manual_seed(0)
    return play(cost_D, fool, data=DATA).theta[-1]


def main() -> None:
    """Print where G ends."""
    print(f"the data are at {DATA:.1f}")
    print(f"right:   G ends at {end(mended):.1f}")
    print(f"swapped: G ends at {end(wrong):.1f}")


if __name__ == "__main__":
    main()
