"""Collapse: the counts are those of the protocol, games repeat, and where D is fast no seed forgets a mode."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.lab.experiments.collapse import SLOW_D, STEPS
from minigan.lab.experiments.collapse_runs import MIXTURES, Run, Setting, run_setting, shares_near
from minigan.lab.pages.collapse import page

pytestmark = pytest.mark.slow

RING = MIXTURES["ring"]


@pytest.fixture(scope="module")
def found():
    """From one seed, amid random numbers of the caller's."""
    mg.manual_seed(7)
    before = mg.randn(3).numpy()
    found = lab.collapse(steps=40, repeats=1)
    after = mg.randn(3).numpy()
    mg.manual_seed(7)
    np.testing.assert_array_equal([before, after], [mg.randn(3).numpy(), mg.randn(3).numpy()])
    return found


def run_of(shares):
    return Run(Setting(), 0, list(range(1, len(shares) + 1)), np.array(shares, float))


def test_modes_held_at_once_and_modes_ever_caught_are_two_numbers():
    """A run that is at one mode at a time, and at each of three in turn."""
    run = run_of([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]] * 3)
    assert run.at_last == 1
    assert run.ever == 3
    assert run.high_quality == 0.5
    assert run_of([[0, 0, 0]] * 2 + [[0.2, 0.2, 0.2]]).at_last == 3


def test_pairs_from_one_mode_are_counted_at_looks_that_find_a_mode():
    assert run_of([[0.5, 0, 0], [0, 0, 0], [0.3, 0.3, 0]]).together == pytest.approx((1 + 1 / 2) / 2)
    assert np.isnan(run_of([[0, 0, 0]] * 3).together)


def test_shares_are_those_of_a_count_by_hand():
    run = run_setting(Setting(), 3, RING, steps=30, looks=3, kept=2500)
    for shares, fakes in zip(run.shares, run.fakes, strict=True):
        distances = np.linalg.norm(fakes[:, None] - RING.centres, axis=2)
        near = (distances <= 3 * RING.std) & (distances == distances.min(1, keepdims=True))
        np.testing.assert_allclose(shares, near.mean(0), atol=1e-12)


def test_a_game_repeats_whatever_was_played_before():
    first = run_setting(SLOW_D, 1, RING, steps=60, looks=5, kept=10)
    mg.rand(3)
    again = run_setting(SLOW_D, 1, RING, steps=60, looks=5, kept=10)
    np.testing.assert_array_equal(first.fakes, again.fakes)
    assert not np.array_equal(first.fakes, run_setting(SLOW_D, 2, RING, steps=60, looks=5, kept=10).fakes)


def test_games_that_differ_in_D_begin_with_the_same_G():
    games = [setting.game(seed=4) for setting in (Setting(), Setting(pack=2), Setting(loss="hinge", lr_D=4e-3))]
    weights = [game.generator.network.state_dict() for game in games]
    for other in weights[1:]:
        for name, value in weights[0].items():
            np.testing.assert_array_equal(value, other[name])


def test_a_G_that_diverged_has_caught_nothing():
    fakes = RING.sample(100)[0]
    assert shares_near(fakes, RING).sum() > 0.9
    fakes[7] = np.nan
    np.testing.assert_array_equal(shares_near(fakes, RING), np.zeros(8))


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_D_loses_modes_and_a_fast_one_or_packs_do_not(seed):
    slow, fast, packs = (
        run_setting(setting, seed, RING, steps=1500)
        for setting in (SLOW_D, Setting(lr_D=4e-3), Setting(lr_D=2.5e-4, pack=2))
    )
    assert slow.at_last < 5
    assert slow.ever == 8
    assert fast.at_last == 8
    assert packs.at_last > 7


def test_a_setting_that_is_in_several_maps_is_played_once(found):
    played = [(run.setting, run.seed) for run in found.runs]
    assert len(played) == len(set(played)) == 9 + 4 * 3 + 8
    assert [run.setting for run in found.films] == [SLOW_D, Setting(lr_D=2.5e-4, pack=2), Setting(lr_D=4e-3)]
    assert len({run.seed for run in found.films}) == 1


def test_the_page_has_all_runs_and_its_predictions_hold(found, tmp_path):
    index = lab.write("collapse", found, tmp_path)
    numbers = json.loads((tmp_path / "lab.json").read_text(encoding="utf-8"))
    assert [check["holds"] for check in numbers["checks"]] == [True, True]  # what becomes of G needs more steps
    assert len(numbers["data"]["runs"]) == len(found.runs)
    html = index.read_text(encoding="utf-8")
    assert "hinge, lr of G 0.001, of D 0.004" in html
    assert len(html) < 4_000_000


def with_outcomes(found, slow, packs, fast):
    """The same, as if of the usual length, with games that hold so many modes at once, and others at each look."""
    held = dict(zip([run.setting for run in found.films], (slow, packs, fast), strict=True))

    def outcome(run):
        if run.setting not in held:
            return run
        first = np.arange(8) < held[run.setting]
        return replace(run, shares=np.array([np.roll(first, i) for i in range(len(run.steps))]) / 8)

    return replace(found, steps=STEPS, runs=list(map(outcome, found.runs)), films=list(map(outcome, found.films)))


@pytest.mark.parametrize(
    ("held", "holds"),
    [((4, 8, 8), [True] * 3), ((5, 8, 8), [False, True, True]), ((1, 7, 7), [True, False, False])],
)
def test_what_becomes_of_g_is_predicted_and_a_prediction_can_fail(found, held, holds):
    *_, slow, packs, fast = page(with_outcomes(found, *held)).checks
    assert [slow.holds, packs.holds, fast.holds] == holds
    assert {slow.by, packs.by, fast.by} == {"earlier runs"}


def test_only_what_is_true_of_the_runs_is_said_of_them(found):
    saved, lost = (repr(page(with_outcomes(found, *held)).sections[0]) for held in ((1, 8, 8), (8, 2, 2)))
    said = "what saves it", "jump from mode to mode", "rows that stay lit", "lowers its opinion"
    assert all(words in saved for words in said)
    assert not any(words in lost for words in said)


def test_seeds_may_be_as_large_as_any(found):
    large = 2**63 - 1
    runs = [replace(run, seed=run.seed + large) for run in found.runs]
    films = [replace(run, seed=run.seed + large) for run in found.films]
    moved = replace(found, seeds=[seed + large for seed in found.seeds], runs=runs, films=films)
    assert [check.holds for check in page(moved).checks] == [check.holds for check in page(found).checks]


def test_twenty_five_modes_have_a_page_too(tmp_path):
    small = lab.collapse(steps=25, repeats=1, data="grid")
    assert small.centres.shape == (25, 2)
    assert lab.write("collapse", small, tmp_path).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 24}, "^steps: expected a whole number from 25 to 100,000, but got 24"),
        ({"repeats": 0}, "^repeats: expected a whole number from 1 to 20, but got 0"),
        ({"data": "moons"}, "^data: expected one of ring, grid, but got 'moons'"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(options, said):
    with pytest.raises(mg.ConfigError, match=said):
        lab.collapse(**options)
