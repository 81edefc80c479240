"""What is expected of whole training steps on a GPU."""

import numpy as np
from small_games import CPU, batches_of, game_of, loader_of, numbers, play_on

import minigan as mg


def assert_nobody_waits(gpu, config):
    """A step makes the host wait for nothing, whether a lazy penalty is due or not."""
    game = game_of(config, gpu.device, mg.float32)
    first, then = range(2), range(2, 4)
    batches = batches_of(game, loader_of(config), range(4), np.float32, gpu.tensor)
    play_on(game, first, batches[:2])  # the first steps compile kernels and lay out buffers
    with gpu.no_sync():
        play_on(game, then, batches[2:])


def assert_steps_of_the_cpu(gpu, config):
    """Three steps report and leave what they do on the CPU, in float64, where rounding is far below the tolerance."""
    reports, states, steps = [], [], range(3)
    for device, tensor in ((gpu.device, gpu.tensor), (CPU, mg.tensor)):
        game = game_of(config, device)
        for player in (game.generator, game.discriminator):
            calm(player.optimizer)
        reports.append(numbers(play_on(game, steps, batches_of(game, loader_of(config), steps, tensor=tensor))))
        states.append(game.state_dict())
    assert_close(*reports)
    assert_close(*states)


def calm(optimizer):
    """With the usual eps, Adam and RMSprop make a step of the rounding errors of a gradient that is 0."""
    for group in optimizer.param_groups:
        if "eps" in group:
            group["eps"] = 1e-3


def assert_close(found, expected, rtol=1e-9, atol=1e-12):
    """Nested dictionaries and lists, alike but for what rounding does to their numbers."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_close(found[key], expected[key], rtol, atol)
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, rtol, atol)
    elif isinstance(expected, np.ndarray | float):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, equal_nan=False)
    else:
        assert found == expected
