"""How many damaged files there are in all."""

import pytest

from . import test_checkpoints as checkpoints
from . import test_configs as configs
from . import test_idx as idx
from . import test_logs as logs
from . import test_npy as npy
from . import test_pictures as pictures
from .headers import other_headers
from .mutants import mutants


def test_ten_thousand_files_are_tried_half_of_them_by_structure():
    by_chance = {
        "IDX": idx.RANDOM,
        "checkpoints": checkpoints.RANDOM + checkpoints.PASSED + checkpoints.CUT,
        "configs": configs.RANDOM,
        "logs": logs.RANDOM + logs.TIMES // 2 + logs.RESUMED,
    }
    by_structure = {
        "IDX": idx.STRUCTURAL + idx.PAIRS,
        "checkpoints": checkpoints.HEADERS + checkpoints.TEXTS + checkpoints.TREES + checkpoints.RESUMED,
        "configs": configs.VALUES + configs.TABLES + configs.GAMES,
        "logs": logs.STRUCTURAL + logs.TIMES // 2 + logs.DRAWN + logs.RESUMED,
    }
    for kind in by_chance:
        print(f"{kind}: {by_chance[kind]:,} by chance, {by_structure[kind]:,} by structure")
        assert by_structure[kind] >= by_chance[kind]
    assert sum(by_chance.values()) + sum(by_structure.values()) >= 10_000


MAKERS = {
    "IDX by chance": (lambda n, seed: mutants(idx.samples(), n, seed), idx.RANDOM, idx.samples),
    "IDX by structure": (idx.structural, idx.STRUCTURAL, list),
    "pairs of IDX": (idx.pairs, idx.PAIRS, list),
    "headers of checkpoints": (other_headers, checkpoints.HEADERS, list),
    "configs by chance": (lambda n, seed: mutants(configs.samples(), n, seed), configs.RANDOM, configs.samples),
    "values in configs": (configs.other_values, configs.VALUES, list),
    "tables in configs": (configs.other_tables, configs.TABLES, list),
    "games in configs": (configs.other_games, configs.GAMES, list),
    "logs by chance": (lambda n, seed: mutants(logs.SAMPLES, n, seed), logs.RANDOM, lambda: logs.SAMPLES),
    "logs by structure": (
        lambda n, seed: logs.structural(logs.SAMPLES, n, seed),
        logs.STRUCTURAL,
        lambda: logs.SAMPLES,
    ),
    "arrays by structure": (npy.structural, npy.STRUCTURAL, list),
    "pictures by structure": (pictures.structural, pictures.STRUCTURAL, list),
    "flips in pictures": (pictures.flips, pictures.FLIPS, lambda: pictures.SAMPLES),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_no_maker_gives_a_file_twice_or_one_that_is_whole(maker):
    make, n, samples = MAKERS[maker]
    assert len({*make(n, seed=1)} - {*samples()}) == n
