"""The Jacobian of a game, against algebra and PyTorch."""

import numpy as np
import pytest

import minigan as mg
from minigan.errors import GraphError, ShapeError
from minigan.lab.jacobian import JacobianVector, game_jacobian


def test_of_a_quadratic_game_it_is_the_matrices_themselves():
    """L_i = 1/2 p_i A_i p_i + p_i B_i q: rows -(A_i + A_i^T)/2 and -B_i."""
    rng = np.random.default_rng(0)
    A_G, A_D, B_G, B_D = (rng.standard_normal(shape) for shape in ((4, 4), (3, 3), (4, 3), (3, 4)))
    W, b = mg.nn.Parameter(mg.tensor(rng.standard_normal((2, 1)))), mg.nn.Parameter(mg.tensor(rng.standard_normal(2)))
    q = mg.nn.Parameter(mg.tensor(rng.standard_normal(3)))
    p = mg.cat([W.reshape(-1), b])
    A_G, A_D = A_G + A_G.T, A_D + A_D.T
    loss_G = (p * (mg.tensor(A_G) @ p)).sum() / 2 + (p * (mg.tensor(B_G) @ q)).sum()
    loss_D = (q * (mg.tensor(A_D) @ q)).sum() / 2 + (q * (mg.tensor(B_D) @ p)).sum()
    found = game_jacobian([loss_G, loss_D], [[W, b], [q]])
    np.testing.assert_allclose(found, -np.block([[A_G, B_G], [B_D, A_D]]), rtol=1e-14, atol=1e-14)


@pytest.mark.torch
def test_of_small_networks_it_is_that_of_pytorch(torch):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape) for shape in ((2, 3), (3,), (3, 2), (2,), (2, 1))]
    z = rng.standard_normal((5, 2))

    def costs(lib, z, G_1, b_1, D_1, c_1, D_2):
        logits = lib.tanh(lib.tanh(z @ G_1 + b_1) @ D_1 + c_1) @ D_2
        return lib.log(1 + lib.exp(-logits)).mean(), lib.log(1 + lib.exp(logits)).mean()

    ours = [mg.nn.Parameter(mg.tensor(array)) for array in arrays]
    found = game_jacobian(costs(mg, mg.tensor(z), *ours), [ours[:2], ours[2:]])
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    loss_G, loss_D = costs(torch, torch.tensor(z), *theirs)
    moves = [
        *torch.autograd.grad(loss_G, theirs[:2], create_graph=True),
        *torch.autograd.grad(loss_D, theirs[2:], create_graph=True),
    ]
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(-v, theirs, retain_graph=True)])
        for move in moves for v in move.reshape(-1)
    ]  # fmt: skip
    np.testing.assert_allclose(found, torch.stack(rows).numpy(), rtol=1e-11, atol=1e-13)


def test_what_a_move_does_not_depend_on_has_zeros():
    x, y = (mg.nn.Parameter(mg.zeros(2, dtype=mg.float64)) for _ in range(2))
    assert not game_jacobian([x.sum(), y.sum() * 3], [[x], [y]]).any()
    assert game_jacobian([x.sum(), (y * y).sum()], [[x], [y]]).tolist() == np.diag([0.0, 0, -2, -2]).tolist()


def test_each_cost_has_its_player():
    x = mg.nn.Parameter(mg.zeros(1))
    with pytest.raises(ShapeError, match="got 1 costs and 2 lists"):
        game_jacobian([x.sum()], [[x], [x]])
    with pytest.raises(GraphError, match="do not depend on input 0"):
        game_jacobian([x.sum()], [[mg.nn.Parameter(mg.zeros(1))]])


def test_what_has_no_part_in_a_product_is_zero_even_if_it_is_infinite():
    x, y = (mg.nn.Parameter(mg.tensor([value])) for value in (2.0, np.inf))
    products = JacobianVector([(x * x).sum(), (y * 3).sum()], [[x], [y]])
    assert products.transposed_product([1, 1]).tolist() == [-2, 0]
