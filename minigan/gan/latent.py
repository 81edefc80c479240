"""Ways from one z to another, and what G draws on them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import Device
from minigan.errors import ConfigError
from minigan.gan.game import Game
from minigan.gan.games import ReconstructionGame
from minigan.gan.sampling import check_wishes, classes_of, in_parts
from minigan.ops.creation import as_tensor

Way = Literal["linear", "spherical"]


def lerp(input: Any, end: Any, weight: Any) -> NDArray[np.float64]:
    """The straight way, as `torch.lerp`: input + weight (end - input).

    Args:
        input: (..., z_dim), where weight is 0.
        end: (..., z_dim), where weight is 1.
        weight: how far, from 0 to 1; broadcasts against both.

    >>> from minigan.gan.latent import lerp
    >>> lerp([1.0, 0.0], [0.0, 1.0], 0.5)
    array([0.5, 0.5])
    """
    input, end, weight = (np.asarray(x, np.float64) for x in (input, end, weight))
    # from the nearer end, as PyTorch does it: so that both come out to the last bit
    way = end - input
    return np.asarray(np.where(weight < 0.5, input + weight * way, end - (1 - weight) * way))


def slerp(input: Any, end: Any, weight: Any) -> NDArray[np.float64]:
    """The way along a great circle: (sin((1 - t) w) input + sin(t w) end) / sin(w), t the weight, w their angle.

    A Gaussian z of many dimensions is nearly always about as long as sqrt(z_dim). Half-way on the straight line
    between two of them it is shorter by sqrt(2), where G has hardly ever been; on the circle it keeps its length.
    Source: White 2016, "Sampling Generative Networks", section 2; the formula is Shoemake's of 1985.

    Args:
        input: (..., z_dim), where weight is 0.
        end: (..., z_dim), where weight is 1.
        weight: how far, from 0 to 1; broadcasts against both.

    Returns:
        float64. Where both ends point in the same or in opposite directions there is no one great circle (and with a
        z_dim of 1 none at all): there, the straight way.

    >>> from minigan.gan.latent import slerp
    >>> slerp([1.0, 0.0], [0.0, 1.0], 0.5).round(4)
    array([0.7071, 0.7071])
    """
    input, end, t = (np.asarray(x, np.float64) for x in (input, end, weight))
    angle = _angle(input, end)
    alike = np.sin(angle) < 1e-6
    angle = np.where(alike, 1, angle)  # any other: what is made of it is not used
    sine = np.sin(angle)  # divided by first, so that both ends come out to the last bit
    circle = np.sin((1 - t) * angle) / sine * input + np.sin(t * angle) / sine * end
    return np.where(alike, lerp(input, end, t), circle)


def _angle(start: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
    """(..., 1); accurate for small angles, too, where the arc cosine of a product is not (Kahan 2006)."""
    tiny = np.finfo(np.float64).tiny  # z of zeros only has no direction: any will do
    a, b = (x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), tiny) for x in (start, end))
    apart, along = (np.linalg.norm(x, axis=-1, keepdims=True) for x in (a - b, a + b))
    return np.asarray(2 * np.arctan2(apart, along))


# ---- what G draws on the way -----------------------------------------------------------------------------


def walk(
    game: Game,
    rows: int,
    steps: int,
    seed: int,
    device: Device,
    way: Way | None = None,
    labels: tuple[int, int] | None = None,
) -> NDArray[np.float32]:
    """Samples on ways from one z to another; each row is a way.

    Args:
        game: whose sampler draws.
        rows: how many ways.
        steps: samples on each, from its first z to its last.
        seed: of z; with the same seed, more rows begin with the same ways as fewer.
        device: where the networks are.
        way: as a rule spherical for a normal z, and linear for any other.
        labels: of the first sample of each row and of the last, for a G that is told labels: in between it is told
            (1 - t) of the one and t of the other. As a rule each row keeps a class of its own.

    Returns:
        float32 (rows, steps, C, H, W) in [-1, 1], or (rows, steps, F).

    Raises:
        ConfigError: G does not start from z, or is told no labels, or not these.

    >>> from minigan.gan.latent import walk
    >>> cpu = mg.device("cpu")
    >>> game = mg.gan.build_game(mg.gan.load_preset("default"), (1, 28, 28), cpu)
    >>> walk(game, 2, 5, seed=0, device=cpu).shape
    (2, 5, 1, 28, 28)
    """
    check_labels(game, labels)
    ends = game.noise.fixed(2 * rows, seed, device).to("cpu").numpy()
    t = np.linspace(0, 1, steps)[:, np.newaxis]
    z = WAYS[way or _usual_way(game)](ends[::2, np.newaxis], ends[1::2, np.newaxis], t)
    inputs, network = z, game.sampler.eval()
    if classes_of(game):  # past the place where whole labels are made rows of 0 and 1
        inputs, network = np.concatenate([z, _mixed(rows, classes_of(game), labels, t)], 2), network.network
    x = as_tensor(inputs.reshape(rows * steps, -1).astype(np.float32), device=device)
    samples = in_parts(lambda part: network(x[part]), len(x))
    return samples.reshape(rows, steps, *samples.shape[1:])


def check_labels(game: Game, labels: tuple[int, int] | None = None) -> None:
    """Make sure that there is a way from the one label to the other, or at all.

    Raises:
        ConfigError: G does not start from z, or is told no labels, or not these.
    """
    if isinstance(game, ReconstructionGame):
        raise ConfigError("This G makes images of damaged images, not of noise: there is no z to start from.")
    for label in labels or ():
        check_wishes(game, label)


WAYS = {"linear": lerp, "spherical": slerp}


def _usual_way(game: Game) -> Way:
    return "spherical" if game.noise.distribution == "normal" else "linear"


def _mixed(rows: int, classes: int, labels: tuple[int, int] | None, t: NDArray[Any]) -> NDArray[np.float64]:
    """(rows, steps, classes): from the row of 0 and 1 of the first label to that of the last."""
    own = np.arange(rows) % classes
    first, last = np.eye(classes)[[own, own] if labels is None else np.full((2, rows), [[labels[0]], [labels[1]]])]
    return np.asarray(first[:, np.newaxis] + t * (last - first)[:, np.newaxis])
