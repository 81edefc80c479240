"""A training that is killed, wherever and however often, ends with the bytes of one that was left alone.

The trainings are the real command line's; `faults` plays the kills and the disks that fail.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ENVIRONMENT

COMMON = ["--batch-size", "4", "--out", "x", "--device", "cpu", "--set", "training.log_every=2"]
MLP = ["--set", "generator.hidden=[8]", "--set", "discriminator.hidden=[8]"]
CONV = [f"{player}.{name}" for player in ("generator", "discriminator") for name in ("hidden=[4]", "dense=[]")]
CONV = [word for setting in CONV for word in ("--set", setting)]
SCORED = ["--set", "score.every=1", "--set", "score.n=64", "--set", "generator.lr=0.1"]
# Between them: BatchNorm, dropout, EMA, R1, labels, several batches in a step, penalties that draw random points,
# schedules, momentum, spectral norm's vectors, moments of every optimizer, lines of held-out data, points for images.
GAMES = {
    "default": ["default", *MLP, "--set", "generator.norm=batch", "--set", "discriminator.dropout=0.2"],
    "dcgan": ["dcgan", *CONV],
    "cgan": ["cgan", *MLP, "--set", "generator.schedule=cosine"],
    "wgan-gp": ["wgan-gp", *MLP, "--set", "game.d_steps=2", "--set", "training.checkpoint_epochs=2"],
    "hinge": ["hinge", *CONV, "--set", "generator.optimizer=rmsprop"],
    "extragradient": ["extragradient", *MLP],
    "acgan": ["acgan", *MLP, "--set", "generator.ema_decay=0.9"],
    "semi-supervised": ["semi-supervised", *MLP, "--set", "game.labelled=6"],
    "repair": ["repair", "--set", "generator.hidden=[4,4]", "--set", "discriminator.hidden=[4]"],
    "goodfellow-2014": ["goodfellow-2014", *MLP],
    # the best score is not the newest, and its checkpoint is due for no other reason
    "scored": ["default", *MLP, *SCORED, "--set", "training.checkpoint_epochs=3", "--set", "training.keep=1"],
}


@pytest.fixture
def data(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    labels = np.arange(12) % 3
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels, x_test=255 - images, y_test=labels)
    return tmp_path / "data.npz"


@pytest.fixture
def faults(tmp_path, data):
    """Runs tests/faults.py; a training of 7 steps as a rule, three in an epoch of the plain games."""

    def run(do, game="default", steps=7, **wish):
        argv = ["train", *GAMES[game], "--data", str(data), "--steps", str(steps), *COMMON]
        driver = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("faults.py"))],
            input=json.dumps({"do": do, "argv": argv, **wish}), capture_output=True, text=True, cwd=tmp_path,
            env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert driver.returncode == 0, driver.stderr
        return json.loads(driver.stdout)

    return run


def assert_all_the_same(answer):
    assert answer["alone"]["exit"] == 0, answer["alone"]["stderr"]
    for moment in answer["found"]:
        assert moment["again"]["exit"] == 0, (moment["at"], moment["again"]["stderr"])
        assert moment["differ"] == [], moment["at"]


# ---- twenty kills ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "times"),
    [("default", 5), ("dcgan", 4), ("cgan", 3), ("wgan-gp", 3), ("hinge", 3), ("extragradient", 2)],
)
def test_twenty_kills_at_random_moments_over_several_games_change_nothing(faults, game, times):
    """Each comes up to 10 ms after the process that it hits has saved a new checkpoint, and one more before that."""
    answer = faults("kills", game, steps=40 * times, times=times, seed=times)
    assert answer["killed"] == times
    assert (answer["last"]["exit"], answer["differ"]) == (0, []), answer["last"]["stderr"]


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_a_kill_after_every_checkpoint_changes_nothing_in_any_game(faults, game):
    answer = faults("kills", game, steps=160, times=4, seed=0)
    assert answer["killed"] == 4
    assert (answer["last"]["exit"], answer["differ"]) == (0, []), answer["last"]["stderr"]


def test_kills_at_random_moments_change_no_score_and_not_which_checkpoint_is_the_best(faults):
    answer = faults("kills", "scored", steps=60, times=3, seed=0)
    assert answer["killed"] == 3
    assert (answer["last"]["exit"], answer["differ"]) == (0, []), answer["last"]["stderr"]


# ---- every moment ----------------------------------------------------------------------------------------


def test_nothing_that_is_done_to_files_escapes_the_count(faults):
    alone = faults("sweep", mode="kill", moments=[1, 2, 1])["alone"]
    assert alone["wrapped"] == alone["audited"]  # by Python itself
    # config.toml, which is told of the first checkpoint; three pictures, three checkpoints, the film and the curves
    assert alone["wrapped"]["os.rename"] == 2 + 3 + 3 + 2
    # Four lines twice; log and times flushed for three checkpoints and the curves; the lock.
    assert alone["wrapped"]["open"] == 2 + 3 + 3 + 2 + 2 * 4 + 2 * 4 + 1


def test_a_kill_before_in_or_after_anything_that_is_done_to_files_changes_nothing(faults):
    """Every eighth moment; all of them, and power cuts, under the marker slow."""
    answer = faults("sweep", mode="kill", moments=[1, 0, 8])
    assert len(answer["found"]) > 15
    assert all(moment["struck"]["exit"] == -9 for moment in answer["found"])
    assert_all_the_same(answer)


@pytest.mark.parametrize(
    ("mode", "stride"),
    [("kill", 17), *(pytest.param(mode, 5, marks=pytest.mark.slow) for mode in ("kill", "power cut"))],
)
def test_scores_and_the_best_checkpoint_survive_whatever_happens_while_they_are_written(faults, mode, stride):
    answer = faults("sweep", "scored", steps=14, mode=mode, moments=[{"kill": 1, "power cut": 5}[mode], 0, stride])
    assert len(answer["found"]) > 250 // stride
    saved = [name for name in answer["files"] if name.startswith("x/checkpoints/")]
    assert {"x/scores.jsonl", "x/scores.png"} <= set(answer["files"])
    assert len(saved) == 2  # the newest one, and the best
    assert_all_the_same(answer)


# The newest checkpoint is damaged, the settings are new, and an epoch takes more steps than it did.
NEW = ["--steps", "9", "--batch-size", "2", "--set", "generator.lr=1e-3"]
ALLOWED = ["train", "--resume", "x", "--device", "cpu", "--allow-changes", *NEW]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "stride"), [("kill", 2), ("power cut", 2), ("disk full", 3)])
def test_whatever_happens_while_a_run_is_gone_on_with_otherwise_changes_nothing(faults, mode, stride):
    """No leave is needed a second time."""
    answer = faults("sweep", steps=5, mode=mode, moments=[1, 0, stride], then=ALLOWED)
    assert len(answer["found"]) > 100 // stride
    assert {"x/samples-to-step-00000003/epoch-001.png", "x/checkpoints/step-00000005.safetensors.damaged"} <= set(
        answer["files"]
    )
    if mode != "disk full":
        assert all(moment["struck"]["exit"] == -9 for moment in answer["found"])
    assert_all_the_same(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "mode", "stride"),
    [
        ("default", "kill", 1),
        ("default", "power cut", 2),
        ("cgan", "kill", 9),
        ("cgan", "power cut", 9),
        ("wgan-gp", "kill", 7),
        ("wgan-gp", "power cut", 7),
    ],
)
def test_a_kill_at_every_single_moment_changes_nothing(faults, game, mode, stride):
    """In one game at every moment; in the others, whose files are written in the same way, at moments from all over."""
    answer = faults("sweep", game, mode=mode, moments=[1, 0, stride])
    assert len(answer["found"]) > 150 // stride
    assert all(moment["struck"]["exit"] == -9 for moment in answer["found"])
    assert_all_the_same(answer)


# ---- disks that fail -------------------------------------------------------------------------------------


def assert_one_sentence(ended, reason):
    """An error of the command line: exit code 2, and one line besides those that tell of epochs."""
    lines = [line for line in ended["stderr"].splitlines() if not line.startswith("epoch ")]
    assert ended["exit"] == 2, ended
    assert len(lines) == 1, ended["stderr"]
    assert lines[0].startswith("minigan: ")
    assert reason in lines[0]


@pytest.mark.parametrize("moments", [[3, 0, 11], pytest.param([1, 0, 3], marks=pytest.mark.slow)])
def test_a_disk_that_is_full_is_said_to_be_so_and_with_room_training_goes_on(faults, moments):
    answer = faults("sweep", mode="disk full", moments=moments)
    struck = [moment for moment in answer["found"] if moment["struck"]["exit"] != 0]  # else nothing needed room
    assert len(struck) > 0.9 * len(answer["found"])
    for moment in struck:
        assert_one_sentence(moment["struck"], "No space left on device")
    assert_all_the_same(answer)


def test_a_folder_that_is_read_only_is_said_to_be_so_and_left_as_it_is(faults, tmp_path):
    faults("kills", times=1, seed=0)
    (tmp_path / "killed" / "x" / "curves.png").unlink()  # else there would be nothing to do
    before = {path: path.read_bytes() for path in (tmp_path / "killed" / "x").rglob("*") if path.is_file()}
    answer = faults("once", folder="killed", again=["train", "--resume", "x"], mode="read-only")
    assert_one_sentence(answer, "Cannot write into x (Read-only file system)")
    assert {path: path.read_bytes() for path in (tmp_path / "killed" / "x").rglob("*") if path.is_file()} == before
