"""PyTorch's side of presets.py, in a process that knows nothing of minigan: settings, data, weights come in a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

TESTS = Path(__file__).parents[1] / "tests"


def game_of(path: Path) -> Callable[[int], dict[str, Any]]:
    """The twin of the game that presets.py wrote to a file: its step number k, which returns the report."""
    import torch

    sys.path.insert(0, str(TESTS))
    from torch_twins import games, networks

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with np.load(path) as file:
        arrays = dict(file)
    facts = json.loads(str(arrays["facts"]), object_hook=lambda values: SimpleNamespace(**values))
    G, D = networks.build(facts.config, tuple(facts.shape), facts.classes)
    for network, name in ((G, "G"), (D, "D")):
        networks.take_weights(network, part(arrays, f"{name}."))
    labelled = part(arrays, "labelled.")
    labelled = games.Batch(*map(torch.from_numpy, labelled.values())) if labelled else None
    batch, per_step = batches(arrays, facts.config.training.batch_size), facts.batches_per_step
    game = games.build(facts.config, G, D, facts.batches / per_step, labelled)
    return lambda k: game.step(*(games.Batch(*batch(i)) for i in range(k * per_step, (k + 1) * per_step)))


def part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, in their order."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def batches(arrays: Mapping[str, np.ndarray], size: int) -> Callable[[int], list[Any]]:
    """Samples and labels of batch number i, in the order of minigan's first epoch, again and again."""
    import torch

    samples, order = torch.from_numpy(arrays["samples"]), torch.from_numpy(arrays["order"]).split(size)
    labels = [torch.from_numpy(arrays["labels"])] if "labels" in arrays else []

    def batch(i: int) -> list[Any]:
        chosen = order[i % len(order)]
        x = samples[chosen]
        if x.dtype == torch.uint8:
            x = x.float().sub_(127.5).div_(127.5)
        return [x, *(of_all[chosen] for of_all in labels)]

    return batch
