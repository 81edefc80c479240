"""What factories may make has a bound where settings come from a person or a file."""

import pytest

import minigan as mg
from minigan.backend.allowance import allowance, cost
from minigan.data import room
from minigan.errors import ConfigError, ShapeError

KILOBYTE = cost([((256,), 4)])


def make():
    return mg.zeros(256)


def test_what_is_made_is_taken_out_of_the_allowance():
    with allowance(2 * KILOBYTE, "make less"):
        make(), make()
        with pytest.raises(ShapeError, match=r"shape \(256,\), expected one of at most 0 bytes; make less\.$"):
            make()
    make()


def test_inside_another_allowance_the_smaller_one_counts():
    for outer, inner in ((1, 2), (2, 1)):
        with allowance(outer * KILOBYTE, "outer"), allowance(inner * KILOBYTE, "inner"):
            make()
            with pytest.raises(ShapeError, match="outer" if outer < inner else "inner"):
                make()


def test_what_an_inner_allowance_paid_for_is_missing_in_the_outer_one():
    with allowance(2 * KILOBYTE, "outer"):
        with allowance(KILOBYTE, "inner"):
            make()
        make()
        with pytest.raises(ShapeError, match="outer"):
            make()


def test_points_that_would_not_fit_in_memory_are_refused_before_any_is_drawn(monkeypatch):
    monkeypatch.setattr(room, "physical_memory", lambda: 1 << 30)
    with pytest.raises(ConfigError, match=r"^Found 20,000,000 points .* about 1.8 GiB are needed, .*; draw fewer\.$"):
        mg.data.ring().sample(20_000_000)
    monkeypatch.setattr(room, "physical_memory", lambda: None)
    assert len(mg.data.ring().sample(20)[0]) == 20


def test_networks_that_would_not_fit_in_memory_are_refused_before_they_are_made():
    config = mg.gan.set_field(mg.gan.load_preset("default"), "generator.hidden=[1000000000]")
    with pytest.raises(ShapeError, match=r"^Found an array of shape \(784, 1000000000\), .*; choose smaller networks"):
        mg.gan.build_game(config, (1, 28, 28), mg.device("cpu"))
