"""Building a game: what it leaves alone."""

import numpy as np
import pytest

import minigan as mg
from minigan.errors import ShapeError
from minigan.gan import build_game, load_preset, set_field

CPU = mg.device("cpu")


def draws_after(act):
    """What is drawn next by somebody who is in the middle of a step."""
    mg.manual_seed(7)
    mg.set_step(3)
    mg.rand(2)
    act()
    return mg.rand(2).numpy()


@pytest.mark.parametrize("preset", ["reference", "hinge"])  # the latter draws for its spectral norm, too
def test_the_random_streams_go_on_where_they_were(preset):
    expected = draws_after(lambda: None)
    found = draws_after(lambda: build_game(load_preset(preset), (1, 28, 28), CPU))
    np.testing.assert_array_equal(found, expected)


def test_the_random_streams_go_on_where_they_were_though_the_game_cannot_be_built():
    """G has been drawn already when D turns out to be too large."""
    config = set_field(load_preset("reference"), "discriminator.hidden=[1000000000]")

    def fail():
        with pytest.raises(ShapeError, match="choose smaller networks"):
            build_game(config, (1, 28, 28), CPU)

    np.testing.assert_array_equal(draws_after(fail), draws_after(lambda: None))


def test_the_weights_are_those_of_the_seed_of_the_settings_whatever_was_drawn_before():
    def weight(seed, before):
        mg.manual_seed(before)
        config = set_field(load_preset("reference"), f"training.seed={seed}")
        return build_game(config, (1, 4, 4), CPU).generator.network.state_dict()["0.weight"]

    np.testing.assert_array_equal(weight(1, before=0), weight(1, before=8))
    assert (weight(1, before=0) != weight(2, before=0)).any()
