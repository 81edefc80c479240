"""BatchNorm's statistics of a network whose weights were not the ones that training saw, such as an average."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.nn import Module
from minigan.nn.batchnorm import BatchNorm
from minigan.recording import no_grad
from minigan.tensor import Tensor


def estimate_statistics(network: Module, batches: Sequence[tuple[Tensor, ...]]) -> None:
    """Set the running statistics of all BatchNorm layers to the means over these batches.

    As torch.optim.swa_utils.update_bn does it; source: Izmailov et al. 2018, section 3.2. All else, such as Dropout,
    works as in evaluation.

    Args:
        network: whose; of batches of one tuple each it is called with what that holds.
        batches: if there are none, the statistics stay as they are.

    >>> from minigan.gan.statistics import estimate_statistics
    >>> net = mg.nn.BatchNorm1d(1).eval()
    >>> estimate_statistics(net, [(mg.tensor([[1.0], [3.0]]),), (mg.tensor([[2.0], [6.0]]),)])
    >>> net.running_mean.item(), net.running_var.item()  # means of 2 and 4, and of 2 and 8
    (3.0, 5.0)
    """
    layers = [layer for layer in network.modules() if isinstance(layer, BatchNorm) and layer.track_running_stats]
    if not layers or not batches:
        return
    before = network.training, [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.training, layer.momentum = True, None  # None weighs all batches alike
        layer.num_batches_tracked *= 0
    with no_grad():
        for inputs in batches:
            network(*inputs)
    network.train(before[0])
    for layer, momentum in zip(layers, before[1], strict=True):
        layer.momentum = momentum
