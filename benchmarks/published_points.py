"""Lost modes: the ring and the grid by the protocol of VEEGAN and PacGAN, for a GAN, for PacGAN2, and with R1.

Lin et al., "PacGAN" (2018), table 1, whose networks and training the preset `pacgan2` has: a GAN is the same with D
looking at one point, not at two. Srivastava et al., "VEEGAN" (2017), made the data and the count: 2,500 samples, of
high quality within three standard deviations of a mode.
"""

from __future__ import annotations

from published_rows import Quantity, Trained
from published_runs import CPU

from minigan.data.sources import make_mixture
from minigan.gan import Game, Run
from minigan.gan.sampling import sample
from minigan.metrics import caught_modes
from minigan.recording import no_grad

SAMPLES = 2500
MODES = {"ring": 8, "grid": 25}
FLOOR = {"ring": ".0014", "grid": ".0048"}  # KL of a perfect sampler on average, (K - 1) / 2N
PACKS = 100  # that D sees in a step, as in the authors' program
BATCHES = 50  # of z, by which it moves BatchNorm's running averages before it samples
SEED = 2**40  # of the z in these batches: others than what is scored
TEN = tuple(range(10))


def of_run(run: Run, quick: bool) -> dict[str, float]:
    """The modes of a run; they take no time even if there is none."""
    return _of_game(run, run.game(CPU))


def of_article(run: Run, quick: bool) -> dict[str, float]:
    """The same after the batches of z that the authors' program takes by the last weights before it samples.

    They move BatchNorm's running averages, as each batch of a training does, so that .95^50 = 8 % of what these were
    is left: they came from the weights of many steps, and where these swing, points that are drawn by such averages
    lie beside the modes that the last weights hit.
    """
    game = run.game(CPU)
    network = game.generator.network.train()
    with no_grad():
        for site in range(BATCHES):
            network(game.noise.fixed(PACKS, SEED, CPU, site))
    return _of_game(run, game)


def _of_game(run: Run, game: Game) -> dict[str, float]:
    data = run.config.data
    found = caught_modes(sample(game, SAMPLES, 0, CPU), make_mixture(data.source, data.modes, data.std))
    return {"modes": found.modes, "high_quality": found.high_quality, "kl": found.kl}


def _quantities(source: str, modes: str = "", high_quality: str = "") -> tuple[Quantity, ...]:
    return (
        Quantity("modes", f"modes of {MODES[source]}", modes, str(MODES[source]), ".1f"),
        Quantity("high_quality", "high quality", high_quality, "perfect 98.9%", ".1%"),
        Quantity("kl", "KL", expected=f"perfect {FLOOR[source]}", form=".3f"),
    )


def _of_article(name: str, source: str, pack: int, modes: str, high_quality: str) -> Trained:
    return Trained(
        name=f"{source}-{name}",
        about=f"modes of the {source} caught by PacGAN's networks, D looking at {pack} point{'s' * (pack > 1)}",
        preset="pacgan2",
        changes=(f"data.source={source}", f"game.pack={pack}", f"training.batch_size={PACKS * pack}"),
        score=of_article,
        quantities=_quantities(source, modes, high_quality),
        seeds=(0, 1, 2),
    )


def _with_r1(source: str) -> Trained:
    goal = str(MODES[source])
    fewest = Quantity("modes", "modes with the worst seed", expected=f"goal {goal}", form=".0f", over_seeds=min)
    return Trained(
        name=f"{source}-r1",
        about=f"modes of the {source} caught by a small GAN with the penalty R1",
        preset=source,
        score=of_run,
        quantities=(fewest, *_quantities(source)),
        seeds=TEN,
    )


ROWS = (
    _of_article("gan", "ring", 1, "6.3 +- .5", "98.2%"),
    _of_article("pacgan2", "ring", 2, "7.9 +- .1 (VEEGAN 8)", "95.6% (VEEGAN 52.9%)"),
    _with_r1("ring"),
    _of_article("gan", "grid", 1, "17.3 +- .8", "94.8%"),
    _of_article("pacgan2", "grid", 2, "23.8 +- .7 (VEEGAN 24.6)", "91.3% (VEEGAN 40%)"),
    _with_r1("grid"),
)
