"""4,100 damaged checkpoints: each is refused in one sentence, or gives the game that stands in it."""

import io
import json
import pickle
import random
import shutil
import zipfile

import numpy as np
import pytest
from tiny_runs import CPU, at_step, contents, stop

import minigan as mg
from minigan.data import Loader
from minigan.errors import MiniganError, RunError
from minigan.gan import Config, DataFacts, Run, Trainer, build_game
from minigan.gan.extensions import Curves, standard
from minigan.gan.games.conditional import LabelledGame
from minigan.gan.sampling import sample
from minigan.gan.views import real_beside

from .harmless import harmless
from .headers import other_headers
from .mutants import assert_one_sentence, at_most, distinct, mutants, put, refused, tried, tried_within
from .trees import copied, filed, other_trees, packed, packed_text, same, simply_read, taken_apart

# minigan silences NumPy where it computes on its own account; pytest lets nobody silence anything, unless told so
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(r"ignore::RuntimeWarning:minigan\.backend\.")]

RANDOM, HEADERS, TEXTS, TREES, PASSED, RESUMED, CUT = 1500, 1000, 300, 1000, 100, 200, 20

# ---- whole runs --------------------------------------------------------------------------------------------

KINDS = {
    "mlp": {"generator": {"ema_decay": 0.9, "norm": "batch"}, "discriminator": {"dropout": 0.2}},
    "conv": {
        "generator": {"network": "conv", "hidden": [4, 2], "norm": "batch", "optimizer": "rmsprop", "momentum": 0.5},
        "discriminator": {"network": "conv", "hidden": [2], "spectral_norm": True, "optimizer": "sgd"},
        "game": {"loss": "hinge"},
    },
    "labels": {
        "generator": {"optimizer": "sgd", "momentum": 0.5, "ema_decay": 0.5},
        "discriminator": {"network": "maxout", "pieces": 2, "betas": [0.5, 0.9]},
        "game": {"task": "conditional"},
    },
}


def config_of(kind):
    usual = {"generator": {"hidden": [8], "z_dim": 3}, "discriminator": {"hidden": [8]}}
    players = {name: {**usual[name], **KINDS[kind].get(name, {})} for name in usual}
    training = {"steps": 7, "batch_size": 4, "log_every": 2}
    return Config.from_dict({**KINDS[kind], **players, "name": kind, "training": training})


def trainer_of(config, run, *more):
    """Twelve images in batches of four: three steps in an epoch."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 4, 4), np.uint8)
    labels = np.arange(12) % 3 if config.game.task == "conditional" else None
    loader = Loader(images, labels, config.training.batch_size, config.training.seed)
    game = build_game(config, DataFacts.of(loader, config), CPU)
    usual = [extension for extension in standard(run) if not isinstance(extension, Curves)]  # these take a second
    return Trainer(game, loader, config.training.steps, [*usual, *more], log_every=config.training.log_every)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of each kind, stopped after 5 of 7 steps, with checkpoints of steps 3 and 5."""
    folder = tmp_path_factory.mktemp("runs")
    for kind in KINDS:
        config = config_of(kind)
        run = Run.create(folder / kind, config, f"minigan train {kind}")
        trainer_of(config, run, at_step(5, stop)).run()
        run.close()
    return folder


@pytest.fixture(scope="module")
def whole(runs):
    """The newest checkpoint of each."""
    return [(runs / kind / NEWEST).read_bytes() for kind in KINDS]


@pytest.fixture(scope="module")
def trees(whole):
    return [simply_read(raw) for raw in whole]


NEWEST, OLDER = "checkpoints/step-00000005.safetensors", "checkpoints/step-00000003.safetensors"


@pytest.fixture
def folder(runs, tmp_path):
    """A run to spoil."""
    shutil.copytree(runs / "mlp", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """What is said on stderr; and the environment, which does not change here and takes long to find out."""
    from minigan import info

    found, texts = info.environment(CPU), []
    monkeypatch.setattr(info, "environment", lambda device: found)
    monkeypatch.setattr("minigan.gan.resume.say", lambda text, to: texts.append(text))
    return texts


# ---- mg.load -----------------------------------------------------------------------------------------------


def loaded(path):
    """Read raw bytes as a file, and hold the result to the simple reader's."""

    def read(raw):
        put(path, raw)
        expected = simply_read(raw)
        if expected is None:
            return refused(RunError, lambda: mg.load(path), path)
        assert same(mg.load(path), expected)
        return "read"

    return read


def test_whole_checkpoints_are_read_and_packed_anew_are_the_same(whole, trees, tmp_path):
    assert tried(whole, loaded(tmp_path / "x")) == {"read": 3}
    assert tried(map(packed, trees), loaded(tmp_path / "x")) == {"read": 3}
    assert all(same(simply_read(packed(tree)), tree) for tree in trees)


def test_files_damaged_by_chance_are_refused_or_read_right(whole, tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(mutants(whole, RANDOM, seed=1), loaded(tmp_path / "x"))
    assert sum(outcomes.values()) == RANDOM
    assert outcomes["refused"] > 0.9 * RANDOM


# ---- damage of all kinds -------------------------------------------------------------------------------


def test_headers_that_do_not_fit_are_refused_or_read_right(tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(other_headers(HEADERS, seed=2), loaded(tmp_path / "x"))
    assert sum(outcomes.values()) == HEADERS
    assert min(outcomes["refused"], outcomes["read"]) > 100


def longest_headers():
    """As many objects as a header may hold at all."""
    limit = 8 << 20
    yield filed(b"[" + b"[]," * ((limit - 4) // 3) + b"0]", b"")
    content = json.dumps({"tree": "[" + "[]," * (limit // 4) + "0]", "sha256": ""})
    yield filed({"__metadata__": {"minigan": content}}, b"")
    yield filed(b" " * (limit + 1), b"")


def test_the_longest_headers_take_bounded_memory_too(tmp_path):
    outcomes = tried_within(longest_headers(), loaded(tmp_path / "x"), seconds=20, megabytes=500)
    assert outcomes == {"refused": 3}


def test_files_of_holes_take_no_memory(tmp_path):
    """They are longer than any disk, and take no place on it."""

    def read(length):
        path = tmp_path / "x"
        put(path, filed({"a": {"dtype": "U8", "shape": [length], "data_offsets": [0, length]}}, b""))
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + length)
        with pytest.raises(RunError) as caught:
            mg.load(path)
        assert_one_sentence(caught.value, path)
        return "refused"

    assert tried([1 << 40, (1 << 43) + 1], read, megabytes=8) == {"refused": 2}


def other_texts(trees, n, seed):
    """The JSON of a tree, damaged by chance, with a SHA-256 that is right for it."""
    rng = random.Random(seed)
    parts = [taken_apart(tree) for tree in trees]
    samples = [text.encode() for text, _ in parts]
    texts = mutants(samples, 10 * n, seed)  # what is no UTF-8 may become the same as another
    return distinct(n, lambda: packed_text(next(texts).decode("utf-8", "replace"), rng.choice(parts)[1]))


def test_metadata_damaged_by_chance_are_refused_or_read_right(trees, tmp_path):
    with harmless(tmp_path):
        outcomes = tried_within(other_texts(trees, TEXTS, seed=3), loaded(tmp_path / "x"))
    assert sum(outcomes.values()) == TEXTS
    assert min(outcomes["refused"], outcomes["read"]) > 10


def foreign_files():
    """What people have under such names."""

    class Evil:
        def __reduce__(self):
            return exec, ("open('harm', 'w')",)

    yield pickle.dumps(Evil())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # as PyTorch saves
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
    yield file.getvalue()
    file = io.BytesIO()
    np.save(file, np.array([Evil()], object), allow_pickle=True)
    yield file.getvalue()
    yield b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 17252\n"
    yield b"<!DOCTYPE html><title>404</title>"
    yield from (b"", b"\0", bytes(8), b"\xff" * 8, bytes(1 << 16))


def test_files_of_other_kinds_are_refused_and_nothing_in_them_is_run(tmp_path):
    with harmless(tmp_path):
        assert tried(foreign_files(), loaded(tmp_path / "x")) == {"refused": 12}


# ---- in a run ----------------------------------------------------------------------------------------------


def assert_is(game, tree):
    """The game is what stands in the file, as far as it stands there in the form of the game's own."""
    saved, state = tree["game"], game.state_dict()
    assert_holds(state["generator"]["network"], saved["generator"]["network"])
    assert_holds(state["discriminator"]["network"], saved["discriminator"]["network"])
    if state["ema"] is not None:
        assert_holds(state["ema"]["network"], saved["ema"]["network"])
        assert same(state["ema"]["updates"], saved["ema"]["updates"])
    for player in ("generator", "discriminator"):
        own, given = state[player]["optimizer"], saved[player]["optimizer"]
        for key, moments in own["state"].items():
            assert_holds(moments, given["state"][str(key)])
        for group, settings in zip(own["param_groups"], given["param_groups"], strict=True):
            assert all(
                same(value, of_state(settings.get(name, value))) for name, value in group.items() if name != "params"
            )
    assert same(game.steps, saved["steps"])
    assert same(game.steps, tree["step"])


def of_state(setting):
    """As optimizers keep it: a pair of betas is no list."""
    return tuple(setting) if isinstance(setting, list) and len(setting) == 2 else setting


def assert_holds(own, given):
    for name, array in own.items():
        with np.errstate(all="ignore"):
            expected = np.asarray(given.get(name, 1)).astype(np.asarray(array).dtype)
        np.testing.assert_array_equal(array, expected)


def drawn(game):
    """Two samples, or None if this G makes none of z."""
    labels = [0, 1] if isinstance(game, LabelledGame) else None
    return sample(game, 2, 0, CPU, labels)


def stamps(folder):
    """All that lies there, and when it was changed."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino) for path in folder.rglob("*")}


def opened(folder, sampled):
    """Read raw bytes as the only checkpoint of a run: the path of `minigan sample`."""
    checkpoint = folder / NEWEST
    (folder / OLDER).unlink(missing_ok=True)

    def read(raw):
        put(checkpoint, raw)
        before = stamps(folder)
        try:
            with harmless(folder / "nothing"):
                game = Run.open(folder).game(CPU)
                samples = drawn(game) if sampled() else None
        except MiniganError as error:
            assert_one_sentence(error, folder, *NAMELESS)
            return "refused"
        finally:
            assert stamps(folder) == before
        tree = simply_read(raw)
        if not same(tree["step"], 5):  # another than the name of the file says
            assert game.steps == 3
            return "passed over"
        assert_is(game, tree)
        assert game.noise.z_dim == tree["config"]["generator"].get("z_dim", 100)
        if samples is None:
            return "read"
        assert samples.shape == (2, *tree["data"]["shape"])
        return "sampled"

    return read


NAMELESS = ("sample: this G makes images of damaged images", "G draws samples that hold a NaN")


def test_trees_of_other_things_are_refused_or_give_the_game_that_stands_there(folder, trees):
    turns = iter(range(10**9))
    outcomes = tried_within(other_trees(trees, TREES, seed=4), opened(folder, lambda: next(turns) % 4 == 0))
    assert sum(outcomes.values()) == TREES
    assert min(outcomes["refused"], outcomes["read"] + outcomes["sampled"]) > TREES / 4
    assert outcomes["sampled"] > 50


def test_a_ruined_newest_checkpoint_gives_way_to_the_older_one(folder, whole, said):
    older = Run.open(folder).game(CPU) and simply_read((folder / OLDER).read_bytes())

    def read(raw):
        put(folder / NEWEST, raw)
        said.clear()
        game = Run.open(folder).game(CPU)
        if simply_read(raw) is not None:
            return "read"
        assert_is(game, older)
        (sentence,) = said
        assert_one_sentence(sentence, folder / NEWEST)
        return "passed over"

    outcomes = tried_within(mutants(whole[:1], PASSED, seed=5), read)
    assert sum(outcomes.values()) == PASSED
    assert outcomes["passed over"] > 0.9 * PASSED


# ---- going on ----------------------------------------------------------------------------------------------


def kind_of(tree):
    """The run that such a checkpoint was made of, as a rule."""
    config = tree.get("config") if tree else None
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) and name in KINDS else "mlp"


LIST = 10_000  # characters of a sentence that names all settings in which two runs differ


def resumed(runs, folder, rng, said):
    """Go on from raw bytes as the newest checkpoint, and make the next step."""

    def read(raw):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(runs / kind_of(simply_read(raw)), folder)
        put(folder / NEWEST, raw)
        said.clear()
        before = contents(folder)
        try:
            with harmless(folder):
                run = Run.resume(folder, None, "minigan train --resume", allow_changes=rng.random() < 0.7)
        except MiniganError as error:
            assert_one_sentence(error, folder, most=LIST)
            assert contents(folder) == before
            return "refused"
        try:
            saved = run.checkpoint
            with harmless(folder):
                trainer = trainer_of(run.config, run)
                run.restore(trainer)
            assert_is(trainer.game, saved)
            assert trainer.game.noise.z_dim == run.config.generator.z_dim  # the run's own, where changes are allowed
            with harmless(folder):
                trainer.steps = trainer.step + 1
                trainer.run()
        except MiniganError as error:
            assert_one_sentence(error, folder, "diverged", "config.toml", *NAMELESS, most=LIST)
            return "refused later"
        finally:
            run.close()
            for text in said:
                assert_one_sentence(text, folder, most=LIST)
        assert Run.open(folder).checkpoint["step"] == trainer.step
        return "went on"

    return read


def test_who_goes_on_from_other_trees_is_told_why_not_or_goes_on_with_what_stands_there(runs, trees, tmp_path, said):
    read = resumed(runs, tmp_path / "run", random.Random(6), said)
    outcomes = tried_within(other_trees(trees, RESUMED, seed=6), read, seconds=10)
    assert sum(outcomes.values()) == RESUMED
    assert min(outcomes["refused"] + outcomes["refused later"], outcomes["went on"]) > 50


def test_who_goes_on_past_a_ruined_checkpoint_ends_with_the_same_bytes(runs, whole, tmp_path, said):
    def finished(folder):
        run = Run.resume(folder)
        trainer = trainer_of(run.config, run)
        run.restore(trainer)
        trainer.run()
        run.close()
        return {name: content for name, content in contents(folder).items() if not name.endswith(".damaged")}

    shutil.copytree(runs / "mlp", tmp_path / "whole")
    expected = finished(tmp_path / "whole")

    def read(raw):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(runs / "mlp", folder)
        put(folder / NEWEST, raw)
        with harmless(folder):
            again = finished(folder)
        assert {name: again[name] for name in expected if name != NEWEST} == {
            name: content for name, content in expected.items() if name != NEWEST
        }
        return "the same"

    assert tried_within(mutants(whole[:1], CUT, seed=7), read) == {"the same": CUT}


# ---- what one file may ask for -----------------------------------------------------------------------------


def test_an_array_that_stands_in_many_places_does_not_pay_for_networks_that_are_not_there(folder, trees):
    """A megabyte, a thousand times: else it would pay for a gigabyte."""
    tree = copied(trees[0])
    tree["config"]["generator"]["hidden"] = [10_000, 10_000]
    text, arrays = taken_apart({**tree, "large": np.zeros(1 << 18, np.float32)})
    (name,) = (name for name, array in arrays.items() if array.size == 1 << 18)
    places = ", ".join(f'"{i}": {{"__array__": "{name}"}}' for i in range(1000))
    text = text.replace('"game": {', f'"game": {{{places}, ', 1)  # the second is among the settings
    outcomes = tried_within([packed_text(text, arrays)], opened(folder, lambda: False), megabytes=64)
    assert outcomes == {"refused": 1}


def test_small_convolutions_do_not_draw_images_that_no_machine_has_room_for(folder, trees):
    """12 kB of weights, and each block doubles the size of the images."""
    config = config_of("conv").to_dict()
    for player in ("generator", "discriminator"):
        config[player]["hidden"] = [1] * 14
    shape = (1, 2**15, 2**15)
    game = build_game(Config.from_dict(config), DataFacts(shape), CPU)
    game.steps = 5
    tree = {**copied(trees[1]), "config": config, "game": game.state_dict()}
    tree["data"]["shape"] = list(shape)
    raw = packed(plain(tree))
    assert len(raw) < 30_000
    assert tried_within([raw], opened(folder, lambda: True), megabytes=64) == {"refused": 1}


def plain(value):
    """With texts as keys and lists for tuples, as files have them."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return list(map(plain, value)) if isinstance(value, list | tuple) else value


def test_no_more_real_points_are_drawn_than_the_picture_beside_them_shows():
    players = {"generator": {"hidden": [8]}, "discriminator": {"hidden": [8]}}
    config = Config.from_dict({"data": {"source": "ring", "count": 10**9}, **players})
    game = build_game(config, DataFacts((2,)), CPU)
    with at_most(64):
        assert real_beside(game, config).shape == (2000, 2)


def test_a_lock_that_is_a_link_does_not_lead_out_of_the_folder(folder, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(RunError, match="Cannot write into"):
        Run.resume(folder)
    assert precious.read_text() == "mine"


# ---- the tests themselves ----------------------------------------------------------------------------------


def test_more_than_three_and_a_half_thousand_were_tried_half_of_them_by_structure():
    assert RANDOM + HEADERS + TEXTS + TREES + PASSED + RESUMED + CUT >= 3500
    assert HEADERS + TEXTS + TREES + RESUMED >= RANDOM + PASSED + CUT


def test_the_same_seed_makes_the_same_mutants(trees):
    for make in (lambda seed: other_headers(30, seed), lambda seed: other_trees(trees, 30, seed)):
        assert list(make(7)) == list(make(7))
        assert list(make(7)) != list(make(8))
