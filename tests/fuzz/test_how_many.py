"""How many damaged files there are in all."""

from . import test_checkpoints as checkpoints
from . import test_configs as configs
from . import test_idx as idx
from . import test_logs as logs


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
        "configs": configs.VALUES + configs.TABLES + configs.GAMES + configs.ASSIGNED,
        "logs": logs.STRUCTURAL + logs.TIMES // 2 + logs.DRAWN + logs.RESUMED,
    }
    for kind in by_chance:
        print(f"{kind}: {by_chance[kind]:,} by chance, {by_structure[kind]:,} by structure")
        assert by_structure[kind] >= by_chance[kind]
    assert sum(by_chance.values()) + sum(by_structure.values()) >= 10_000
