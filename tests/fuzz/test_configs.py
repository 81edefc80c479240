"""1,700 damaged files of settings: each is refused in one sentence, or holds what TOML's own reader finds in it."""

import dataclasses
import json
import random
import tomllib
from importlib import resources
from itertools import cycle, pairwise

import numpy as np
import pytest

import minigan as mg
from minigan.data import Loader
from minigan.errors import ConfigError, DivergedError, MiniganError
from minigan.gan import Config, DataFacts, Trainer, build_game
from minigan.gan.config import load_preset, preset_names, set_field
from minigan.gan.finite import StopOnNaN
from minigan.gan.record import config_bytes, read_config, read_record

from .harmless import harmless
from .mutants import EDGES, assert_one_sentence, distinct, mutants, put, tried, tried_within
from .trees import same

RANDOM, VALUES, TABLES, GAMES, ASSIGNED = 700, 500, 200, 300, 300
# minigan silences NumPy where it computes on its own account; pytest lets nobody silence anything, unless told so
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(r"ignore::RuntimeWarning:minigan\.backend\.")]

LARGEST = 2_000_000  # numbers in a network: what is larger is not built here
LOADER = Loader(np.random.default_rng(0).integers(0, 256, (120, 4, 4), np.uint8), np.arange(120) % 3, batch_size=4)
SECTIONS = ("data", "generator", "discriminator", "game", "training")


def samples():
    """The presets, all settings at once, and the file of a run with a record."""
    files = (resources.files("minigan.gan") / "presets").iterdir()
    texts = [file.read_bytes() for file in files if file.name.endswith(".toml")]
    record = {"command": "minigan train", "cores": 2, "libraries": {"pillow": "13"}, "resumes": [{"step": 3}]}
    return [*sorted(texts), config_bytes(Config(), {}), config_bytes(Config(), record)]


# ---- right results -----------------------------------------------------------------------------------------


def simply_read(raw):
    """The tables in a file; None if it is no TOML."""
    try:
        return tomllib.loads(raw.decode())
    except (ValueError, RecursionError):
        return None


def assert_is(config, given):
    """Every setting is what stands in the file, or what it always is."""
    given = {name: value for name, value in given.items() if name != "record"}
    usual, found = Config().to_dict(), config.to_dict()
    for section in SECTIONS:
        expected = {**usual.pop(section), **given.pop(section, {})}
        assert_equal(found.pop(section), expected)
    assert_equal(found, {**usual, **given})


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert same(value, like(value, expected[name])), name


def like(value, given):
    """What is given, with 1.0 for 1 where the setting is any number."""
    if isinstance(value, list):
        return list(map(like, value, given))
    return float(given) if type(value) is float and type(given) is int else given


def outcome(path):
    """Read raw bytes as a file of settings, and hold the result to TOML's own reader."""

    def read(raw):
        put(path, raw)
        given = simply_read(raw)
        try:
            config = read_config(path)
        except ConfigError as error:
            assert_one_sentence(error, path, "expected", "No field")
            return "refused"
        assert_is(config, given)
        record = given.get("record")
        assert repr(read_record(path)) == repr(record if isinstance(record, dict) else {})  # it may hold NaN
        put(path, config_bytes(config, {}))  # as a run would write it
        assert read_config(path) == config
        return "read"

    return read


def played(path):
    """As above; and build the game and play a step of it, if it is not too large."""
    read_only = outcome(path)

    def read(raw):
        if read_only(raw) == "refused":
            return "refused"
        config = read_config(path)
        if numbers_in(config) > LARGEST or config.game.d_steps * config.game.g_steps > 100:
            return "too large to try"
        try:
            game = build_game(config, DataFacts.of(LOADER, config), mg.device("cpu"))
            Trainer(game, LOADER, 1, [StopOnNaN()]).run()
        except DivergedError as error:
            assert_one_sentence(error, "try lower learning rates")
            return "diverged"
        except MiniganError as error:
            assert_one_sentence(error, *SECTIONS, "hidden", "norm", "expected", "loss", "optimizer")
            return "makes no sense"
        return "played"

    return read


def numbers_in(config):
    """As many as there are in the networks, or more, however their layers are made."""
    g, d = config.generator, config.discriminator
    pixels, classes = 16, 3
    G = [g.z_dim + classes, *g.hidden, pixels]
    D = [config.game.pack * (pixels + classes), *d.hidden, 1 + classes]
    return sum(16 * a * b for a, b in pairwise(G)) + sum(max(16, d.pieces) * a * b for a, b in pairwise(D))


# ---- damage by structure -----------------------------------------------------------------------------------

NUMBERS = [*(str(n) for n in EDGES), "-1", "0x10", "1_000", "+3", "0.0", "-0.0", "1.0", "2.5", "1e-3", "1e308", "1e400",
           "nan", "-nan", "inf", "-inf", "0.999999999999999999", "5e-324", "3.5e38", "9" * 400, "9" * 5000,
           "0x" + "f" * 5000, "1e" + "9" * 5000]  # fmt: skip
TEXTS = ['""', '"mlp"', '"adam"', '"none"', '"ключ"', '"\\u0000"', '"\\n"', '"\\u001b[2J"', '"../../x"', "'''\na\n'''",
         '"' + "x" * 70_000 + '"', '"8"', '"true"', '"__import__(\'os\')"', '"$(touch here)"']  # fmt: skip
OTHERS = ["true", "false", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "[]", "{}", "[1]", "[0]", "[8, -8]",
          "[1.5]", "[8, '8']", "[[8]]", "[0.5, 0.9]", "[0.5, 0.9, 0.99]", "[nan, 1]", "{a = 1}", "{lr = 1}", "[{}]",
          "[true]", "[" + "8, " * 20_000 + "8]", "[" * 400 + "]" * 400, "[" * 100_000,
          "{a = " * 300 + "1" + "}" * 300, "", "none", "= 1", "1 1", "'"]  # fmt: skip


def written(value):
    """As TOML has it."""
    return json.dumps(value, ensure_ascii=False)


def lines_of(tables):
    """TOML with a line for each setting; values are texts of TOML already."""
    for name, value in tables.items():
        if not isinstance(value, dict):
            yield f"{name} = {value}"
    for name, value in tables.items():
        if isinstance(value, dict):
            yield f"[{name}]"
            yield from (f"{field} = {text}" for field, text in value.items())


def small_tables(rng):
    """Some settings of each section, as texts of TOML."""
    values = Config().to_dict()
    values["generator"].update(hidden=[8], z_dim=3)
    values["discriminator"].update(hidden=[8])
    kept = {section: rng.sample(list(values[section]), rng.randint(0, 4)) for section in SECTIONS}
    for player in ("generator", "discriminator"):
        kept[player].append("hidden")
    return {
        "name": '"x"',
        **{section: {name: written(values[section][name]) for name in kept[section]} for section in SECTIONS},
    }


def field_of(rng):
    section = rng.choice(SECTIONS)
    return section, rng.choice(list(Config().to_dict()[section]))


def other_values(n, seed):
    """One to three settings of other types, or at the ends of their ranges: every field is tried many times."""
    rng = random.Random(seed)
    fields = cycle((section, name) for section in SECTIONS for name in Config().to_dict()[section])

    def make():
        tables = small_tables(rng)
        for section, name in (next(fields), *(field_of(rng) for _ in range(rng.choice([0, 0, 1, 2])))):
            tables[section][name] = rng.choice(rng.choice([NUMBERS, TEXTS, OTHERS]))
        return "\n".join(lines_of(tables)).encode()

    return distinct(n, make)


def other_tables(n, seed):
    """Fields and tables that do not exist, stand in the wrong place, come twice, or are nested without end."""
    rng = random.Random(seed)

    def make():
        tables = small_tables(rng)
        lines = list(lines_of(tables))
        section, name = field_of(rng)
        deep = rng.choice([2, 100, 3000])
        more = rng.choice([
            f"{name}x = 1", f"{section}.{name} = 1", f"[{section}]", f"[[{section}]]", f"[{section}.{name}]\na = 1",
            f"[{section}x]\n{name} = 1", f"[{name}]", f"{section} = 3", "name = 3", "about = []", "source = {}",
            "record = 3", "[record]\nresumes = 3", "[[record]]\nx = 1", "[record]\nrecord.record = nan",
            "'' = 1", '"a\\nb" = 1', '"\\u001b[2J" = 1', "x" * 70_000 + " = 1", "__class__ = 1", "1 = 1",
            f"{name}{'.a' * deep} = 1", f"[{section}{'.a' * deep}]", f"[{section}]\n{name}{'.a' * deep} = 1",
            "\n".join(f"k{i} = {i}" for i in range(2000)), "\ufeff", "\0", "# " + "x" * 70_000, "a = 1 # \x07",
        ])  # fmt: skip
        at = rng.choice([0, len(lines), rng.randint(0, len(lines))])
        return "\n".join([*lines[:at], more, *lines[at:]]).encode()

    return distinct(n, make)


def other_games(n, seed):
    """The presets with small networks, one to three of their settings changed to what the field may be."""
    rng = random.Random(seed)
    hints = {section: {f.name: f.type for f in dataclasses.fields(getattr(Config(), section))} for section in SECTIONS}
    presets = [load_preset(name).to_dict() for name in preset_names()]

    def make():
        preset = rng.choice(presets)
        tables = {section: dict(preset[section]) for section in SECTIONS}
        for player in ("generator", "discriminator"):
            tables[player]["hidden"] = rng.choice([[8], [4, 2]])
        for _ in range(rng.randint(1, 3)):
            section, name = field_of(rng)
            tables[section][name] = fitting(rng, hints[section][name], preset[section][name])
        texts = {section: {name: written(value) for name, value in tables[section].items()} for section in SECTIONS}
        return "\n".join(lines_of(texts)).encode()

    return distinct(n, make)


def fitting(rng, kind, usual):
    """A value that this type of field may have."""
    if "Literal" in kind:
        words = kind[kind.index("[") + 1 : kind.rindex("]")].split(",")
        return rng.choice([json.loads(word.strip().replace("'", '"')) for word in words])
    if kind == "bool":
        return rng.random() < 0.5
    if "Count" in kind or "Natural" in kind or "Seed" in kind:
        value = rng.choice([1, 2, 3, 7, 100, 10**9])
        return [value] if "tuple" in kind else value
    if kind == "tuple[float, ...]":
        return [rng.choice([0, 0.5, 0.999, 1]) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
    return usual if kind == "str" else rng.choice([0.0, 0.1, 0.5, 0.9, 1.0, 5.0, 1e30])


# ---- tests -------------------------------------------------------------------------------------------------


def test_whole_files_are_read(tmp_path):
    outcomes = tried(samples(), outcome(tmp_path / "x"))
    assert outcomes == {"read": len(samples())}


def test_files_damaged_by_chance_are_refused_or_read_right(tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(mutants(samples(), RANDOM, seed=1), outcome(tmp_path / "x.toml"))
    assert sum(outcomes.values()) == RANDOM
    assert min(outcomes["refused"], outcomes["read"]) > 20


def test_values_of_other_types_and_sizes_are_refused_or_read_right(tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(other_values(VALUES, seed=2), played(tmp_path / "x.toml"))
    assert sum(outcomes.values()) == VALUES
    assert min(outcomes["refused"], outcomes["played"]) > 10


def test_tables_of_other_shapes_are_refused_or_read_right(tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(other_tables(TABLES, seed=3), outcome(tmp_path / "x.toml"))
    assert sum(outcomes.values()) == TABLES
    assert min(outcomes["refused"], outcomes["read"]) > 20


def test_settings_that_are_right_one_by_one_make_a_game_that_can_be_played_or_are_said_not_to_go_together(tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(other_games(GAMES, seed=4), played(tmp_path / "x.toml"))
    assert sum(outcomes.values()) == GAMES
    assert min(outcomes["played"], outcomes["makes no sense"]) > 20
    assert outcomes["too large to try"] < GAMES / 20


def test_assignments_on_the_command_line_are_refused_or_change_one_field():
    """What stands behind --set: the same values without a file."""
    rng = random.Random(5)

    def read(assignment):
        try:
            config = set_field(Config(), assignment)
        except ConfigError as error:
            assert_one_sentence(error, "expected", "No field", most=3000)  # it may list all fields
            return "refused"
        assert len(Config().differences(config)) <= 1
        return "set"

    fields = [".".join(field_of(rng)) for _ in range(ASSIGNED - 20)] + ["", "x", "generator", "generator.", "name"] * 4
    outcomes = tried_within((f"{field}={rng.choice(rng.choice([NUMBERS, TEXTS, OTHERS]))}" for field in fields), read)
    assert sum(outcomes.values()) == ASSIGNED
    assert min(outcomes["refused"], outcomes["set"]) > 20


def test_more_than_one_and_a_half_thousand_were_tried_half_of_them_by_structure():
    assert RANDOM + VALUES + TABLES + GAMES >= 1500
    assert VALUES + TABLES + GAMES >= RANDOM


@pytest.mark.parametrize("make", [other_values, other_tables, other_games])
def test_the_same_seed_makes_the_same_mutants(make):
    assert list(make(20, 7)) == list(make(20, 7))
    assert list(make(20, 7)) != list(make(20, 8))
