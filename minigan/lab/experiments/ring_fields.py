"""What there is to see of a game in the plane: densities, D beside the best D, arrows, and a warped grid."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, rel_entr

from minigan.autograd import grad
from minigan.data import Mixture
from minigan.gan.losses import Loss
from minigan.nn import Module
from minigan.ops.creation import as_tensor
from minigan.recording import no_grad
from minigan.tensor import Tensor

CELLS = 60  # of a heat map, in a row and in a column
EDGE = 0.005  # the share of z beyond each side of the grid that G warps
STEP = 1e-6  # of differences
FEWEST = 2  # fakes: where fewer lie, and nothing real, the best D is not known

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """The square that is looked at, in cells.

    Attributes:
        half: it reaches from -half to half in both directions.
    """

    half: float

    @classmethod
    def of(cls, mixture: Mixture) -> View:
        """With some room around all modes."""
        reach = float(np.abs(mixture.centres).max())
        return cls(reach + max(0.6, reach / 4))

    @property
    def cell(self) -> float:
        """The width of a cell; also the bandwidth of the kernel that blurs densities."""
        return 2 * self.half / CELLS

    @property
    def middles(self) -> Floats:
        """Of the cells, in one direction: (CELLS,)."""
        return np.linspace(self.cell / 2 - self.half, self.half - self.cell / 2, CELLS)

    @property
    def points(self) -> Floats:
        """The middles of all cells, row by row from below: (CELLS * CELLS, 2)."""
        x, y = np.meshgrid(self.middles, self.middles)
        return np.stack([x.ravel(), y.ravel()], 1)

    def total(self, density: Floats) -> float:
        """The integral over the square."""
        return float(density.sum()) * self.cell**2


# ---- densities -------------------------------------------------------------------------------------------


def blurred(mixture: Mixture, view: View) -> Floats:
    """The density of real points, blurred by the kernel, exactly: Gaussians stay Gaussians. (CELLS, CELLS)."""
    wider = Mixture(mixture.centres, math.hypot(mixture.std, view.cell))
    return wider.density(view.points).reshape(CELLS, CELLS)


def kernel_density(points: NDArray[np.float32], view: View) -> Floats:
    """The density of the points (N, 2), each blurred by the kernel, at the middles of the cells: (CELLS, CELLS).

    A Gaussian in the plane is the product of two on a line, so all cells take one matrix product.
    """
    x, y = (np.exp(-(np.subtract.outer(view.middles, points[:, i]) ** 2) / (2 * view.cell**2)) for i in range(2))
    density: Floats = (y @ x.T) / (len(points) * 2 * math.pi * view.cell**2)
    return density


def best_D(p: Floats, q: Floats, view: View, count: int) -> Floats:
    """D* = p / (p + q) (Goodfellow et al. 2014, proposition 1); NaN where neither real points nor fakes come.

    Args:
        p: the density of real points, (CELLS, CELLS).
        q: that of fakes.
        view: where.
        count: of how many fakes q is an estimate.
    """
    least = FEWEST / (count * 2 * math.pi * view.cell**2)
    return np.where(p + q < least, np.nan, p / np.maximum(p + q, least))


def reachable_value(p: Floats, q: Floats, view: View) -> float:
    """The largest V(D, G) of any D: -log 4 + 2 JSD(p, q), in nats (theorem 1 of the same paper)."""
    return view.total(rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)) - math.log(4)


def value(logits: Floats, p: Floats, q: Floats, view: View) -> float:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))) of a D with these logits, over the blurred densities."""
    return -view.total(p * np.logaddexp(0, -logits) + q * np.logaddexp(0, logits))


# ---- the networks ----------------------------------------------------------------------------------------


def outputs(network: Module, x: NDArray[Any]) -> Floats:
    """What a network makes of points or of z: (N, 2) to (N, its outputs)."""
    with no_grad():
        y: Floats = network.eval()(as_tensor(x.astype(np.float32))).numpy().astype(np.float64)
    return y


def lattice(lines: int) -> Floats:
    """A grid of z (lines, lines, 2) with as many z between two of its lines as between any others.

    z is normal, so its lines lie closer together around 0.
    """
    z = ndtri(np.linspace(EDGE, 1 - EDGE, lines))
    return np.stack(np.meshgrid(z, z), 2)


def arrows(D: Module, loss: Loss, fakes: NDArray[np.float32], real: NDArray[np.float32]) -> Floats:
    """Where G's loss wants each fake to go: -dL_G/dx, times their number, as the loss is a mean.

    Args:
        D: gives logits, or scores.
        loss: whose generator's loss.
        fakes: (N, 2).
        real: as many real points, for losses that compare.

    Returns:
        (N, 2).
    """
    with D.eval().frozen():
        return _downhill(D, loss, fakes, real)


def descent(D: Module, loss: Loss, fakes: NDArray[Any], real: NDArray[Any], directions: Floats) -> float:
    """Minus the directional derivative of G's loss as all fakes move so at speed 1, by differences in float64.

    For the arrows it is the mean of their lengths, and for no directions is it more.
    """
    precise = copy.deepcopy(D).double().eval()
    at, others = (np.asarray(x, np.float64) for x in (fakes, real))
    lengths = np.hypot(*directions.T)[:, np.newaxis]
    forward = STEP * np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)

    def cost(x: Floats) -> float:
        with no_grad():
            scores = precise(as_tensor(others)) if loss.uses_real else None
            return float(loss.generator(precise(as_tensor(x)), scores).item())

    return (cost(at - forward) - cost(at + forward)) / (2 * STEP)


def pull(loss: Loss, scores: Floats) -> Floats:
    """The same on a line where D(x) = x: -dL_G/ds of a fake for which D's output is s, for each of these (N,)."""
    return _downhill(lambda s: s, loss, scores[:, np.newaxis], np.zeros((len(scores), 1)))[:, 0]


def _downhill(D: Callable[[Tensor], Tensor], loss: Loss, fakes: NDArray[Any], real: NDArray[Any]) -> Floats:
    x = as_tensor(fakes).requires_grad_()
    (gx,) = grad(loss.generator(D(x), D(as_tensor(real)) if loss.uses_real else None), x)
    assert gx is not None  # D depends on x
    way: Floats = -len(fakes) * gx.numpy().astype(np.float64)
    return way
