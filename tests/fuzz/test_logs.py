"""1,900 damaged logs: each is refused in one sentence, or gives the numbers in it; a resume leaves its beginning."""

import json
import math
import random
import shutil

import pytest
from tiny_runs import CPU, at_step, contents, stop, tiny, trainer_of

from minigan import info
from minigan.errors import RunError
from minigan.gan import Run
from minigan.gan.extensions import Curves, standard
from minigan.gan.pictures import curves

from .harmless import harmless
from .mutants import EDGES, assert_one_sentence, distinct, mutants, put, refused, tried_within
from .trees import same

pytestmark = pytest.mark.slow

RANDOM, STRUCTURAL, TIMES, DRAWN, RESUMED = 700, 800, 200, 30, 100


LONGEST = 1 << 16  # bytes of a line


# ---- whole logs --------------------------------------------------------------------------------------------


def log_lines(rng, n):
    """Lines as trainings write them: of one kind, or of two."""
    for k in range(1, n + 1):
        names = ["loss_D", "D_x", "D_G_z", "loss_G", *(["penalty"] if k % 3 == 0 else [])]
        yield {"step": 2 * k, "epoch": k // 2, **{name: float(f"{rng.uniform(0, 2):.6g}") for name in names}}
        if k % 5 == 0:
            yield {"step": 2 * k, "epoch": k // 2, "D_x_test": rng.random()}


def time_lines(rng, n):
    for k in range(1, n + 1):
        yield {"step": 2 * k, "seconds": round(k / 3, 3), "steps_per_s": round(rng.uniform(1, 90), 2)}


def written(lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


SAMPLES = [written(log_lines(random.Random(n), n)) for n in (1, 2, 7, 30)]
TIMINGS = [written(time_lines(random.Random(n), n)) for n in (1, 2, 7, 30)]


# ---- as simple a reader as can be ----------------------------------------------------------------------------


def simply_read(raw):
    """The lines of a log; None if one of them is none. The last may be torn, if a line could begin so."""
    *texts, torn = raw.split(b"\n")
    lines = list(map(parsed, texts))
    return None if None in lines or len(torn) >= LONGEST else lines


def parsed(text):
    try:
        line = json.loads(text) if len(text) < LONGEST else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        return None
    return line if all(is_number(value) for value in line.values()) else None


def is_number(value):
    return type(value) in (int, float) and not abs(value) > 1e39


# ---- damage by structure -----------------------------------------------------------------------------------

VALUES = [
    "null", "true", "false", '""', '"1"', '"nan"', "[]", "[1]", "{}", '{"a": 1}', "NaN", "Infinity", "-Infinity", "-1",
    "0", "-0.0", "1.5", "1e38", "1e40", "1.7e308", "-1e308", "1e309", "5e-324", "9" * 38, "9" * 40, "9" * 5000, "0x10",
    "01", "1.", "[" * 100_000, "[" * 900 + "]" * 900, '{"a":' * 400 + "1" + "}" * 400, '"' + "x" * 70_000 + '"',
    *map(str, EDGES),
]  # fmt: skip
KEYS = [
    "", "step", "epoch", "loss_D", "seconds", "$x^2$", "$\\\\frac$", "_hidden", "a\\nb", "\\u001b[2J", "\\ud800",
    "ключ", "x" * 3000, "__class__",
]  # fmt: skip


def other_value(rng, lines):
    """A number of another kind, or at the ends of what numbers can be."""
    line = rng.choice(lines)
    line[rng.randrange(len(line))][1] = rng.choice(VALUES)


def other_key(rng, lines):
    """A number under another name; twice under one name; or one that nobody asked for."""
    line = rng.choice(lines)
    if rng.random() < 0.5:
        line[rng.randrange(len(line))][0] = rng.choice(KEYS)
    else:
        line.append([rng.choice(KEYS), rng.choice(["1", "0.5"])])


def missing_key(rng, lines):
    line = rng.choice(lines)
    if len(line) > 1:
        del line[rng.randrange(len(line))]


def other_lines(rng, lines):
    """Lines in another order, or more than once."""
    rng.choice(
        [lambda: rng.shuffle(lines), lambda: lines.extend([list(part) for part in lines[0]] for _ in range(3))]
    )()


def other_step(rng, lines):
    """A step that was never made."""
    for pair in rng.choice(lines):
        if pair[0] == "step":
            pair[1] = rng.choice([*map(str, EDGES), "-5", "1.0", "1e3", "9" * 300])


def many_keys(rng, lines):
    rng.choice(lines).extend([f"n{i}", "1"] for i in range(rng.choice([10, 100, 4000])))


LINE_DAMAGE = (other_value, other_key, missing_key, other_lines, other_step, many_keys)
TEXTS = [
    b"\n", b"\n\n\n", b"\r\n", b"{}\n", b"[]\n", b"null\n", b"3\n", b"{", b'{"step": 4', b'{"step": 4}',
    b'{"step": 4}\n', b"\0" * 100, b"\0" * 100 + b"\n", b"\xff\xfe\n", b"\xef\xbb\xbf", b"x" * (1 << 16),
    b"x" * (1 << 17) + b"\n",
    b'{"step": 1, "a": "' + b"x" * (1 << 16) + b'"}\n', b'{"step": 1' + b" " * ((1 << 16) - 12) + b"}\n",
    b'{"step": 1' + b" " * ((1 << 16) - 13) + b"}\n", b"[" * 60_000 + b"\n", b'{"step": 1}\r{"step": 2}\n',
]  # fmt: skip


def structural(samples, n, seed):
    """Lines that are JSON, and no lines of a log, among such that are; and texts that are neither."""
    rng = random.Random(seed)

    def make():
        raw = rng.choice(samples)
        lines = [[[key, json.dumps(value)] for key, value in json.loads(text).items()] for text in raw.splitlines()]
        for _ in range(rng.choice([1, 1, 2])):
            rng.choice(LINE_DAMAGE)(rng, lines)
        texts = [("{" + ", ".join(f'"{key}": {value}' for key, value in line) + "}\n").encode() for line in lines]
        if rng.random() < 0.3:
            texts.insert(rng.randint(0, len(texts)), rng.choice(TEXTS))
        return b"".join(texts)

    return distinct(n, make, samples)


def damaged(samples, n, seed):
    """By chance and by structure."""
    yield from mutants(samples, n // 2, seed)
    yield from structural(samples, n - n // 2, seed)


# ---- reading -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was stopped after 5 of 7 steps."""
    run = Run.create(tmp_path_factory.mktemp("runs") / "x", tiny(), "minigan train tiny")
    trainer_of(run.config, None, *without_curves(run), at_step(5, stop)).run()
    run.close()
    return run.path


def without_curves(run):
    """Real ones take a second to draw."""
    return [extension for extension in standard(run) if not isinstance(extension, Curves)]


@pytest.fixture
def run(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    return Run.open(tmp_path / "run")


def log_of(run):
    """Hold what a run reads of raw bytes in its log to the simple reader's."""
    path = run.path / "log.jsonl"

    def read(raw):
        put(path, raw)
        expected = simply_read(raw)
        if expected is None:
            return refused(RunError, run.log, path)
        assert same(run.log(), expected)
        few = run.log(most=3)
        assert all(any(line == other or line != line for other in expected) for line in few if finite(line))
        assert len(few) <= 3 * len({tuple(line) for line in expected})
        return "read"

    return read


def finite(line):
    return all(map(math.isfinite, line.values()))


def test_whole_logs_are_read(run):
    assert tried_within(SAMPLES, log_of(run)) == {"read": 4}


def test_logs_damaged_by_chance_are_refused_or_read_right(run):
    with harmless(run.path):
        outcomes = tried_within(mutants(SAMPLES, RANDOM, seed=1), log_of(run))
    assert sum(outcomes.values()) == RANDOM
    assert min(outcomes["refused"], outcomes["read"]) > 50


def test_logs_damaged_by_structure_are_refused_or_read_right(run):
    with harmless(run.path):
        outcomes = tried_within(structural(SAMPLES, STRUCTURAL, seed=2), log_of(run))
    assert sum(outcomes.values()) == STRUCTURAL
    assert min(outcomes["refused"], outcomes["read"]) > 50


def test_times_are_refused_or_give_the_longest(run):
    path = run.path / "timing.jsonl"

    def read(raw):
        put(path, raw)
        expected = simply_read(raw)
        if expected is None:
            return refused(RunError, run.seconds, path)
        assert same(run.seconds(), max((line.get("seconds", 0.0) for line in expected), default=0.0))
        return "read"

    with harmless(run.path):
        outcomes = tried_within(damaged(TIMINGS, TIMES, seed=3), read)
    assert min(outcomes["refused"], outcomes["read"]) > 20


# ---- curves --------------------------------------------------------------------------------------------------


def test_whatever_the_log_says_its_curves_are_drawn_or_refused(run):
    """With the numbers at the ends of their range, names that are formulas, and very many names."""

    def read(raw):
        put(run.path / "log.jsonl", raw)
        try:
            lines = run.log(most=100)
        except RunError:
            return "refused"
        if not lines:
            return "empty"
        assert curves(lines, str(run.path))[1:4] == b"PNG"
        return "drawn"

    outcomes = tried_within(structural(SAMPLES, DRAWN, seed=4), read, seconds=20)
    assert sum(outcomes.values()) == DRAWN
    assert outcomes["drawn"] > DRAWN / 3


# ---- going on --------------------------------------------------------------------------------------------------


def test_a_resume_leaves_the_beginning_of_any_log_and_the_run_goes_on(stopped, tmp_path, monkeypatch):
    """Whole lines are left, of the log no more than the checkpoint knows of, and of the times none beyond its step."""
    found, said = info.environment(CPU), []
    monkeypatch.setattr(info, "environment", lambda device: found)
    monkeypatch.setattr("minigan.gan.resume.say", lambda text, to: said.append(text))
    before = contents(stopped)
    for name in ("samples.gif", "samples/epoch-002.png"):  # from the middle of an epoch: it will be made again
        del before[name]
    folder = tmp_path / "run"
    long = written(log_lines(random.Random(0), 3000))

    def read(raws):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(stopped, folder)
        for name, raw in zip(("log.jsonl", "timing.jsonl"), raws, strict=True):
            put(folder / name, raw)
        said.clear()
        given = contents(folder)
        with harmless(folder):
            run = Run.resume(folder)
            trainer = trainer_of(run.config, None, *without_curves(run))
            try:
                run.restore(trainer)
            except RunError as error:
                assert_one_sentence(error, folder / "log.jsonl")
                run.close()
                assert contents(folder) == given
                return "refused"
        log, times = ((folder / name).read_bytes() for name in ("log.jsonl", "timing.jsonl"))
        assert_beginning(log, raws[0], run.checkpoint["log_bytes"])
        assert_beginning(times, raws[1], math.inf)
        assert all(line["step"] <= trainer.step for line in simply_read(times))
        assert contents(folder) == {**before, "log.jsonl": log, ".lock": (folder / ".lock").read_bytes()}
        for text in said:
            assert_one_sentence(text, folder / "log.jsonl")
        trainer.run()
        run.close()
        assert Run.open(folder).checkpoint["step"] == 7
        assert (folder / "log.jsonl").read_bytes().startswith(log)
        assert run.log()[-1]["step"] == 7
        return "went on"

    logs, times = damaged([*SAMPLES, long], RESUMED, seed=5), damaged(TIMINGS, RESUMED, seed=6)
    outcomes = tried_within(zip(logs, times, strict=True), read)
    assert sum(outcomes.values()) == RESUMED
    assert min(outcomes["refused"], outcomes["went on"]) > RESUMED / 20


def assert_beginning(left, raw, most):
    assert raw.startswith(left)
    assert left == b"" or left.endswith(b"\n")
    assert len(left) <= most


# ---- the tests themselves ----------------------------------------------------------------------------------


def test_more_than_one_and_a_half_thousand_were_tried_half_of_them_by_structure():
    assert RANDOM + STRUCTURAL + TIMES + DRAWN + 2 * RESUMED >= 1500
    assert STRUCTURAL + TIMES // 2 + DRAWN + RESUMED >= RANDOM + TIMES // 2 + RESUMED


def test_the_same_seed_makes_the_same_mutants():
    assert list(structural(SAMPLES, 50, 7)) == list(structural(SAMPLES, 50, 7))
    assert list(structural(SAMPLES, 50, 7)) != list(structural(SAMPLES, 50, 8))
