"""What was tried to make better digits. A recipe is a preset, and what it sets there.

Each sets all in which recipes differ, so that a new default does not change what an older recipe was.
"""

from __future__ import annotations

Sets = tuple[str, ...]

ADAM_5 = ("generator.betas=[0.5, 0.999]", "discriminator.betas=[0.5, 0.999]")  # as DCGAN has them
ADAM_0 = ("generator.betas=[0.0, 0.99]", "discriminator.betas=[0.0, 0.99]")  # as StyleGAN has them
NO_R1 = ("game.r1_gamma=0.0",)
BN_G = ("generator.norm=batch",)


def rates(g: float, d: float) -> Sets:
    """The learning rates of G and D."""
    return f"generator.lr={g}", f"discriminator.lr={d}"


def started(init: str) -> Sets:
    """How the weights of both are drawn."""
    return f"generator.init={init}", f"discriminator.init={init}"


def falling(schedule: str) -> Sets:
    """The learning rates of both fall to zero."""
    return f"generator.schedule={schedule}", f"discriminator.schedule={schedule}"


_R1 = ("game.r1_gamma=0.3", "game.penalty_every=4")
_MLP = ("generator.z_dim=100", "generator.norm=none", "discriminator.norm=none", *rates(8e-4, 4e-4), *_R1)
FIRST = (*_MLP, *ADAM_5, "training.steps=25000")  # the default run as it was at first
SECOND = (*_MLP, *ADAM_0, "training.steps=25000")
THIRD = (*SECOND, *BN_G, "generator.lr=3.2e-3", "training.steps=20000")
FOURTH = (*THIRD, "generator.z_dim=16", "game.penalty_every=16")
SHORT = (*THIRD, "training.steps=12000")  # as many as five minutes have on a slow machine

_CONV = ("training.steps=8000", "game.penalty_every=4", *rates(4e-4, 4e-4))
FIRST_CONV = (*_CONV, *ADAM_5, *started("default"), "game.r1_gamma=1.0", "discriminator.norm=none")
SECOND_CONV = (*_CONV, *ADAM_5, *started("normal"), *NO_R1, "discriminator.norm=batch")

RECIPES: dict[str, tuple[str, Sets]] = {
    "default": ("default", ()),
    "at first": ("default", FIRST),
    "at first; R1 of .1": ("default", (*FIRST, "game.r1_gamma=0.1")),
    "at first; both rates times 2": ("default", (*FIRST, *rates(1.6e-3, 8e-4))),
    "at first; both rates fall to 0": ("default", (*FIRST, *falling("linear"))),
    "at first; relativistic loss": ("default", (*FIRST, "game.loss=relativistic")),
    "at first; batches of 128": ("default", (*FIRST, "training.batch_size=128")),
    "betas 0, .99": ("default", SECOND),
    "betas 0, .99; both rates times 1.4": ("default", (*SECOND, *rates(1.1e-3, 5.6e-4))),
    "betas 0, .99; both rates times .75": ("default", (*SECOND, *rates(6e-4, 3e-4))),
    "betas 0, .99; Glorot's weights": ("default", (*SECOND, *started("xavier_uniform"))),
    "betas 0, .99; BatchNorm in G": ("default", (*SECOND, *BN_G)),
    "betas 0, .99; BatchNorm in G; Glorot's weights": ("default", (*SECOND, *BN_G, *started("xavier_uniform"))),
    "betas 0, .99; BatchNorm in G; R1 of .1": ("default", (*SECOND, *BN_G, "game.r1_gamma=0.1")),
    "BatchNorm in G; G's rate 1.6e-3": ("default", (*SECOND, *BN_G, *rates(1.6e-3, 4e-4))),
    "BatchNorm in G; both rates times 2": ("default", (*SECOND, *BN_G, *rates(1.6e-3, 8e-4))),
    "BatchNorm in G; G's rate 3.2e-3": ("default", THIRD),
    "BatchNorm in G; G's rate 3.2e-3; R1 of .1": ("default", (*THIRD, "game.r1_gamma=0.1")),
    "BatchNorm in G; G's rate 3.2e-3; no R1": ("default", (*THIRD, *NO_R1)),
    "BatchNorm in G; G's rate 3.2e-3; no R1, but dropout .3 in D and smoothing .1": (
        "default",
        (*THIRD, *NO_R1, "discriminator.dropout=0.3", "game.label_smoothing=0.1"),
    ),
    "BatchNorm in G; G's rate 3.2e-3, D's 2e-4": ("default", (*THIRD, "discriminator.lr=2e-4")),
    "BatchNorm in G; G's rate 3.2e-3; ReLU in G": ("default", (*THIRD, "generator.activation=relu")),
    "BatchNorm in G; G's rate 3.2e-3; betas .5, .99": (
        "default",
        (*THIRD, "generator.betas=[0.5, 0.99]", "discriminator.betas=[0.5, 0.99]"),
    ),
    "BatchNorm in G; G's rate 6.4e-3": ("default", (*THIRD, "generator.lr=6.4e-3")),
    "BatchNorm in G; G's rate 3.2e-3; both rates fall by a cosine": (
        "default",
        (*THIRD, *falling("cosine")),
    ),
    "BatchNorm in G; G's rate 3.2e-3; z of 16 numbers; R1 on every sixteenth step": ("default", FOURTH),
    "12,000 steps": ("default", SHORT),
    "12,000 steps; both rates fall by a cosine": ("default", (*SHORT, *falling("cosine"))),
    "12,000 steps; G's rate falls by a cosine": ("default", (*SHORT, "generator.schedule=cosine")),
    "12,000 steps; R1 on every sixteenth step": ("default", (*SHORT, "game.penalty_every=16")),
    "12,000 steps; z of 32 numbers": ("default", (*SHORT, "generator.z_dim=32")),
    "12,000 steps; z of 16 numbers": ("default", (*SHORT, "generator.z_dim=16")),
    "12,000 steps; relativistic loss": ("default", (*SHORT, "game.loss=relativistic")),
    "12,000 steps; D's rate 8e-4": ("default", (*SHORT, "discriminator.lr=8e-4")),
    "12,000 steps; z of 16 numbers; R1 on every sixteenth step": ("default", (*FOURTH, "training.steps=12000")),
    "BatchNorm in G; G's rate 6.4e-3, falling by a cosine": (
        "default",
        (*THIRD, "generator.lr=6.4e-3", "generator.schedule=cosine"),
    ),
    "at first; BatchNorm in both; weights from N(0, .02); no R1": (
        "default",
        (*FIRST, *BN_G, *NO_R1, "discriminator.norm=batch", *started("normal")),
    ),
    "articles": ("reference", ("training.steps=7000",)),
    "dcgan": ("dcgan", ()),
    "DCGAN at first": ("dcgan", FIRST_CONV),
    "DCGAN at first; R1 of .1": ("dcgan", (*FIRST_CONV, "game.r1_gamma=0.1")),
    "DCGAN at first; betas 0, .99; G's rate 8e-4": ("dcgan", (*FIRST_CONV, *ADAM_0, "generator.lr=8e-4")),
    "DCGAN at first; BatchNorm in D; no R1; G's rate 1e-3": (
        "dcgan",
        (*FIRST_CONV, *NO_R1, "discriminator.norm=batch", "generator.lr=1e-3"),
    ),
    "DCGAN; G's weights from N(0, .02); R1 of .3; betas 0, .99; G's rate 8e-4": (
        "dcgan",
        (*FIRST_CONV, *ADAM_0, "generator.init=normal", "game.r1_gamma=0.3", "generator.lr=8e-4"),
    ),
    "DCGAN; weights from N(0, .02); BatchNorm in D; no R1": ("dcgan", SECOND_CONV),
    "DCGAN; weights from N(0, .02); BatchNorm in D; R1 of .1": ("dcgan", (*SECOND_CONV, "game.r1_gamma=0.1")),
    "DCGAN; weights from N(0, .02); R1 of .1": (
        "dcgan",
        (*SECOND_CONV, "discriminator.norm=none", "game.r1_gamma=0.1"),
    ),
    "DCGAN; BatchNorm in D; R1 of .1": ("dcgan", (*SECOND_CONV, *started("default"), "game.r1_gamma=0.1")),
    "DCGAN; weights from N(0, .02); BatchNorm in D; R1 of .1; betas 0, .99": (
        "dcgan",
        (*SECOND_CONV, *ADAM_0, "game.r1_gamma=0.1"),
    ),
}
