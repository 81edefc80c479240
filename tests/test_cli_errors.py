"""The command line, as a person mistypes it: one clear sentence, exit code 2, nothing written or lost."""

import errno
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ENVIRONMENT, SMALL_IMAGES, TINY, done, files, idx, refused, typed
from PIL import Image

import minigan.cli
from minigan.backend.device import Probe
from minigan.cli import main
from minigan.gan import preset_names

TRAIN = ["train", "--data", "../data", "--steps", "1"]
COMMANDS = "train, sample, interpolate, evaluate, presets, lab, bench, info"
PRESETS = ", ".join(preset_names())


def test_one_sentence_on_stderr_and_no_traceback_in_a_real_process(here):
    done = typed("train", "--epochs", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "minigan: --epochs: expected a whole number of at least 1, but got '0'. See minigan train --help.\n"
    )


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["trian"], f"There is no command 'trian'; did you mean 'train'? Expected one of {COMMANDS}."),
        (["frobnicate"], f"There is no command 'frobnicate'. Expected one of {COMMANDS}."),
        (["--versoin"], "There is no option '--versoin' in minigan; did you mean '--version'? See minigan --help."),
        (
            ["train", "--epoch", "3"],
            "There is no option '--epoch' in minigan train; did you mean '--epochs'? See minigan train --help.",
        ),
        (
            ["train", "--batchsize=3"],
            "There is no option '--batchsize' in minigan train; did you mean '--batch-size'? See minigan train --help.",
        ),
        (
            ["train", "default", "reference"],
            "There is no place for the argument 'reference' in minigan train. See minigan train --help.",
        ),
        (["train", "defualt"], f"No preset 'defualt': expected one of {PRESETS}. Did you mean default?"),
        (["train", "nopreset"], f"No preset 'nopreset': expected one of {PRESETS}.\n"),
        (["train", "--set", "generator.lrr=1"], "No field 'generator.lrr' to set. Did you mean generator.lr?"),
        (["train", "--set", "steps"], "--set steps: expected FIELD=VALUE, for example generator.lr=1e-4."),
        (["train", "--set", "generator.lr=fast"], "generator.lr: expected a number, but got 'fast'."),
        (["train", "x.toml"], "Cannot read the settings in x.toml (No such file or directory); check the path."),
        (
            ["train", "--epochs", "-3"],
            "--epochs: expected a whole number of at least 1, but got '-3'. See minigan train --help.",
        ),
        (
            ["train", "--epochs", "few"],
            "--epochs: expected a whole number of at least 1, but got 'few'. See minigan train --help.",
        ),
        (["train", "--steps", "0"], "--steps: expected a whole number of at least 1, but got '0'."),
        (["train", "--batch-size", "0"], "--batch-size: expected a whole number of at least 1, but got '0'."),
        (["train", "--seed", "-1"], "--seed: expected a whole number of at least 0, but got '-1'."),
        (
            [*TRAIN, *TINY, "--seed", str(2**64)],
            f"training.seed: expected a whole number of at most {2**64 - 1:,}, but got {2**64}.",
        ),
        (["train", "--steps", "1", "--epochs", "1"], "--epochs: not allowed with argument --steps."),
        (["train", "--epochs"], "--epochs: expected one argument. See minigan train --help."),
        (
            [*TRAIN[:3], *TINY, "--set", "training.steps=0"],
            "training.steps: expected a whole number of at least 1, but got 0.",
        ),
        (
            [*TRAIN, *TINY, "--set", "training.log_every=0"],
            "training.log_every: expected a whole number of at least 1, but got 0.",
        ),
        (
            [*TRAIN, "--batch-size", "13"],
            "The batch size 13 is larger than the data set of 12 samples; choose a batch size of at most 12.",
        ),
        (["train", "--data", "../data", "--batch-size", "4", "--epochs", "9" * 25], "training.steps: expected a whole"),
        (
            ["sample", ".", "-n", "9" * 18, "--out", "x.png"],
            f"-n: expected a whole number of at most 1,000,000,000, but got {'9' * 18}.",
        ),
        (["train", "--out", "caf\udce9"], "Expected names of files in UTF-8, but got 'caf\\udce9'; choose another."),
        ([*TRAIN, *TINY, "--out", "x" * 300], f"Cannot make the folder {'x' * 300} (File name too long); choose"),
        (["sample", "x" * 300, "--out", "x.png"], f"Cannot read {'x' * 300} (File name too long); check its name"),
        (["sample", ".", "--out", f"{'x' * 300}.png"], f"Cannot use {'x' * 300}.png (File name too long); check its"),
        (
            [*TRAIN, *TINY, "--set", "discriminator.output=foo"],
            "discriminator.output: expected one of logit, probability, but got 'foo'.",
        ),
        ([*TRAIN, *TINY, "--set", "generator.lr=-1"], "generator.lr: expected a number of at least 0, but got -1.0."),
        ([*TRAIN, *TINY, "--set", "discriminator.betas=[2]"], "D's Adam: expected two betas from 0 to below 1"),
        ([*TRAIN, "--device", "gpu"], "Unknown device 'gpu': expected 'auto', 'cpu', 'cuda' or 'cuda:N', N from 0."),
        ([*TRAIN, "--device", "cuda:99"], "Device cuda:99 cannot be used: "),
        (["sample", "nowhere", "--out", "x.png"], "nowhere does not exist; expected the folder of a run, such as"),
        (["sample", ".", "--out", "x.png"], ". holds no config.toml; expected the folder of a run, such as"),
        (["sample", ".", "-n", "0", "--out", "x.png"], "-n: expected a whole number of at least 1, but got '0'."),
        (["sample", ".", "-n", "-5", "--out", "x.png"], "-n: expected a whole number of at least 1, but got '-5'."),
        (
            ["sample", ".", "--out", "x.jpg"],
            "--out x.jpg: expected a name that ends in .png (a picture) or .npy (the numbers).",
        ),
        (
            ["sample", ".", "--out", "no/x.png"],
            "--out no/x.png: there is no folder no; make it first, or choose another.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(here, capfd, argv, sentence):
    assert refused(capfd, argv).startswith(sentence)
    assert files(here) == {}


def test_a_gpu_that_is_not_there_is_named_with_what_is_missing_and_what_to_type(here, capfd, monkeypatch):
    missing = Probe("no-cupy", "CuPy is not installed.", "pip install 'minigan[cuda13]'")
    monkeypatch.setattr("minigan.backend.device.probe", lambda index=0: missing)
    assert refused(capfd, [*TRAIN, "--device", "cuda"]) == (
        "Device cuda:0 cannot be used: CuPy is not installed. Try: pip install 'minigan[cuda13]'\n"
    )
    assert files(here) == {}


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: (data / IMAGES).unlink(), "holds no IDX file of images for the split 'train'"),
        (lambda data: truncate(data / IMAGES), "is truncated: found 359 bytes of data, but its header promises 360"),
        (lambda data: pack(data / IMAGES), "is packed and damaged"),
        (lambda data: (data / IMAGES).write_bytes(b""), "is empty, but an IDX file was expected"),
        (lambda data: (data / IMAGES).write_bytes(b"\x89PNG...."), "is not an IDX file: it begins with"),
        (lambda data: (data / LABELS).write_bytes(idx(np.zeros(11, np.uint8))),
         "train-labels-idx1-ubyte holds 11 labels, expected one for each of 12 samples"),
    ],
)  # fmt: skip
def test_damaged_data_are_named_with_what_is_wrong(here, capfd, damage, sentence):
    damage(here.parent / "data")
    said = refused(capfd, [*TRAIN, *TINY])
    assert "data" in said
    assert sentence in said
    assert files(here) == {}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def pack(path):
    path.write_bytes(gzip.compress(path.read_bytes())[:-9])


def test_a_folder_with_no_data_set_is_named(here, capfd):
    said = refused(capfd, ["train", "--data", "nowhere"])
    assert str(here / "nowhere") in said
    assert files(here) == {}


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(run, here, capfd):
    before = files(here)
    assert refused(capfd, [*TRAIN, *TINY, "--out", "runs/default"]) == (
        "runs/default already holds a run, which would be overwritten; choose another folder with --out, or go on "
        "with it: minigan train --resume runs/default\n"
    )
    assert files(here) == before


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("file", "file is a file, but a folder was expected; choose another with --out.\n"),
        ("file/x", "Cannot make the folder file/x (Not a directory); choose another with --out.\n"),
        (".", ". is not empty (it holds file), but a new run needs a folder of its own; choose another with --out.\n"),
    ],
)
def test_a_folder_that_is_none_or_not_empty_is_refused(here, capfd, out, sentence):
    Path("file").write_text("precious")
    assert refused(capfd, [*TRAIN, *TINY, "--out", out]) == sentence
    assert files(here) == {"file": b"precious"}


def test_a_folder_that_cannot_be_written_is_refused(here, capfd, monkeypatch):
    def mkdir(self, *args, **settings):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert refused(capfd, [*TRAIN, *TINY, "--out", "x"]) == (
        "Cannot make the folder x (Permission denied); choose another with --out.\n"
    )
    assert files(here) == {}


def test_settings_that_do_not_fit_the_game_are_refused_before_anything_is_written(here, capfd):
    said = refused(capfd, [*TRAIN, *TINY, "--set", 'discriminator.output="probability"'])
    assert said.startswith("game.r1_gamma: the penalty is defined on logits;")
    assert files(here) == {}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_last_batch_too_short_for_batch_norm_is_found_before_anything_is_written(here, capfd, player):
    """Twelve images in batches of eleven leave one."""
    argv = [*TRAIN, *TINY[:4], "--batch-size", "11", "--set", f"{player}.norm=batch"]
    said = refused(capfd, argv)
    assert said.startswith("The last batch of an epoch has 1 of 11 samples, with which a step fails: ")
    assert "at least 2 values per channel" in said
    assert said.endswith("Choose another --batch-size, or leave that batch out with --set data.drop_last=true.\n")
    assert files(here) == {}
    assert main([*argv, "--set", "data.drop_last=true"]) == 0


def test_a_convolution_needs_no_more_than_one_image(here):
    """BatchNorm takes its statistics over all places of the image."""
    np.save("x.npy", np.zeros((12, 8, 8), np.uint8))
    small = ["--set", "generator.hidden=[4]", "--set", "discriminator.hidden=[4]", "--batch-size", "11"]
    small += ["--set", "generator.dense=[]", "--set", "discriminator.dense=[]"]
    assert (
        main(["train", "dcgan", "--data", "x.npy", "--epochs", "1", "--set", "discriminator.norm=batch", *small]) == 0
    )


def test_networks_that_do_not_fit_the_images_are_told_with_the_settings_that_mend_it(here, capfd):
    (here.parent / "pictures").mkdir()
    for i in range(4):
        Image.new("L", (30, 30)).save(here.parent / "pictures" / f"{i}.png")
    argv = ["train", "dcgan", "--data", "../pictures", "--batch-size", "4", "--steps", "1"]
    said = refused(capfd, argv)
    assert "multiples of 4, but the images are 30 x 30. Resize them, for example by data.size=32" in said
    assert "with --set: data.size for a folder of pictures, generator.hidden and discriminator.hidden" in said
    assert files(here) == {}
    small = ["--set", "generator.hidden=[4, 4]", "--set", "discriminator.hidden=[4, 4]"]
    assert main([*argv, *small, "--set", "data.size=32"]) == 0
    assert main([*argv, "--set", "generator.hidden=[4]", "--set", "discriminator.hidden=[4]"]) == 0


# ---- options that do not go together ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ["default", "--resume", "r"],
            "--resume r: a run goes on in its own folder with its own settings; leave",
        ),
        (
            ["--out", "x", "--resume", "r"],
            "--resume r: a run goes on in its own folder with its own settings; leave",
        ),
        (["--allow-changes"], "--allow-changes: it belongs to --resume DIR, the run to go on with."),
        (["--resume", "r"], "r does not exist; expected the folder of a run, such as runs/default."),
        (["--resume", "../data"], "../data holds no config.toml; expected the folder of a run"),
        (["--resume"], "--resume: expected one argument. See minigan train --help."),
        (["--resume", "r", "--steps", "3", "--epochs", "3"], "--epochs: not allowed with argument --steps."),
    ],
)
def test_a_run_goes_on_only_where_and_as_it_was(here, capfd, argv, sentence):
    assert refused(capfd, ["train", *argv]).startswith(sentence)
    assert files(here) == {}


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--steps", "9"], "training.steps was 3, is 9"),
        (["--epochs", "3"], "training.steps was 3, is 9"),
        (["--seed", "1"], "training.seed was 0, is 1"),
        (["--batch-size", "3"], "training.batch_size was 4, is 3"),
        (["--set", "generator.lr=0.1"], "generator.lr was 0.0032, is 0.1"),
        (["--data", "../other"], "data.source was"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings_unless_told(run, here, capfd, options, change):
    shutil.copytree("../data", "../other")
    before = files(here)
    said = refused(capfd, ["train", "--resume", "runs/default", *options])
    assert said.startswith(f"runs/default was trained with other settings or data: {change}")
    assert said.endswith("Go on with the old ones, or with --allow-changes if the new ones are meant.\n")
    assert files(here) == before


def test_a_run_that_another_training_has_is_refused_before_its_data_are_looked_at(run, here, capfd):
    shutil.rmtree("../data")
    held = minigan.gan.Run.resume("runs/default")
    assert refused(capfd, ["train", "--resume", "runs/default"]).startswith(
        "runs/default is in use by another training"
    )
    held.close()
    assert "data" in refused(capfd, ["train", "--resume", "runs/default"])
    assert not (run / ".lock").exists()


def test_fewer_steps_than_were_made_are_refused(run, here, capfd):
    (run / "curves.png").unlink()
    before = files(here)
    said = refused(capfd, ["train", "--resume", "runs/default", "--steps", "2", "--allow-changes"])
    assert said.startswith(
        "runs/default has already made 3 steps, but training.steps is 2, and none can be taken back;"
    )
    assert files(here) == before


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError("image file is truncated"), "The system or a file failed (image file is truncated); check disk"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "The system or a file failed (Input/output error); check disk"),
        (OSError(errno.EIO, os.strerror(errno.EIO), "x.png"), "Cannot use x.png (Input/output error); check its name"),
    ],
)
def test_an_error_of_the_system_is_one_sentence_with_or_without_the_name_of_a_file(capfd, monkeypatch, error, sentence):
    def fails():
        raise error

    monkeypatch.setattr("minigan.info.info", fails)
    assert refused(capfd, ["info"]).startswith(sentence)


def test_held_out_data_that_are_not_there_are_told_with_the_option_that_leaves_them_out(here, capfd):
    argv = [*TRAIN, *TINY, "--set", "training.evaluate_every=1"]
    said = refused(capfd, argv)
    assert "holds no IDX file of images for the split 'test'" in said
    assert said.endswith("To train without held-out data: --set training.evaluate_every=0.\n")
    assert files(here) == {}


def test_held_out_data_of_a_class_that_nobody_was_shown_are_refused_at_once(here, capfd):
    images, labels = np.zeros((6, 8, 8), np.uint8), np.arange(6) % 2
    np.savez("x.npz", x_train=images, y_train=labels, x_test=images, y_test=labels + 1)
    before = files(here)
    argv = ["train", "cgan", "--data", "x.npz", "--steps", "1", *TINY, "--set", "training.evaluate_every=1"]
    said = refused(capfd, argv)
    assert said.startswith("The held-out samples of ")
    assert "have classes that the 2 of the samples to train on are without; take their samples away." in said
    assert files(here) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["sample", "--label", "1"],
            "This G is not told what to draw; leave the label out, or train a",
        ),
        (["sample", "--label", "-1"], "--label: expected a whole number of at least 0, but got '-1'."),
        (["sample", "--truncation", "0"], "--truncation: expected a number of at least 0.01, but got '0'."),
        (["sample", "--truncation", "nan"], "--truncation: expected a number of at least 0.01, but got 'nan'."),
        (["sample", "--truncation", "much"], "--truncation: expected a number of at least 0.01, but got 'much'."),
        (["sample", "--seed", str(2**64)], "--seed: expected a whole number of at most 18,446,744,073,709,551,615"),
        (["sample"], "the following arguments are required: --out. See minigan sample --help."),
        (["interpolate", "--label", "1"], "This G is not told what to draw; leave the label out"),
        (["interpolate", "--steps", "1"], "--steps: expected a whole number of at least 2, but got '1'."),
        (["interpolate", "-n", "0"], "-n: expected a whole number of at least 1, but got '0'."),
        (["interpolate", "-n", "9" * 9], "-n times --steps: expected a whole number of at most 1,000,000,000"),
        (["interpolate", "--linear", "--spherical"], "--spherical: not allowed with argument --linear."),
        (["interpolate", "--from-label", "1"], "--from-label and --to-label: expected both."),
        (["interpolate", "--label", "1", "--to-label", "1"], "--label: not allowed with --from-label and --to-label."),
        (["interpolate", "--out", "x.jpg"], "--out x.jpg: expected a name that ends in .png (a picture with a row for"),
        (["interpolate"], "the following arguments are required: --out. See minigan interpolate --help."),
    ],
)
def test_what_a_run_cannot_draw_is_said_in_one_sentence_and_a_missing_out_last(run, here, capfd, options, sentence):
    before = files(here)
    command, *options = options
    assert refused(capfd, [command, "runs/default", *options]).startswith(sentence)
    assert files(here) == before


@pytest.mark.parametrize("command", ["sample", "interpolate"])
def test_a_label_that_the_run_does_not_have_is_refused(here, capfd, command):
    done(capfd, "train", "--steps", "1", "--out", "cgan", *SMALL_IMAGES, "--set", "game.task=conditional")
    assert refused(capfd, [command, "cgan", "--label", "3", "--out", "x.png"]) == (
        "Expected a label from 0 to 2, but got 3.\n"
    )
    assert not Path("x.png").exists()


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["sample", "--truncation", "1"], "Only a normal z has tails to truncate, but that of this G is uniform;"),
        (["interpolate", "--label", "0"], "This G is not told what to draw;"),
    ],
)
def test_what_the_noise_of_a_run_does_not_allow_is_refused(here, capfd, argv, sentence):
    done(capfd, "train", "--steps", "1", "--out", "u", *SMALL_IMAGES, "--set", "generator.z=uniform")
    assert refused(capfd, [argv[0], "u", *argv[1:], "--out", "x.png"]).startswith(sentence)


def test_an_unknown_preset_is_told_with_the_nearest(capfd):
    assert refused(capfd, ["presets", "dcgann"]) == (
        f"No preset 'dcgann': expected one of {PRESETS}. Did you mean dcgan?\n"
    )


def test_a_loss_that_is_nan_stops_training_and_says_at_which_step_and_in_which_network(here, capfd):
    assert main([*TRAIN[:3], "--epochs", "9", *TINY, "--out", "x", "--set", "generator.lr=1e38"]) == 2
    err = capfd.readouterr().err.splitlines()[-1]
    assert re.match(r"minigan: Training diverged (at|by) step \d: the (loss of the )?(generator|discriminator) ", err)
    assert "No checkpoint had been saved yet; try lower learning rates" in err
    assert not list(Path("x/checkpoints").iterdir())


def test_out_of_memory_is_one_sentence(run, capfd, monkeypatch):
    def fixed(*_):
        raise MemoryError("Unable to allocate 373. GiB")

    monkeypatch.setattr("minigan.gan.Noise.fixed", fixed)
    said = refused(capfd, ["sample", "runs/default", "--out", "x.npy"])
    assert said.startswith("Out of memory (Unable to allocate 373. GiB); try a smaller")
    assert not Path("x.npy").exists()


@pytest.mark.parametrize("name", ["x.png", "x.npy"])
def test_a_sample_that_cannot_be_written_leaves_the_old_file(run, capfd, monkeypatch, name):
    Path(name).write_text("old")

    def replace(self, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", replace)
    assert refused(capfd, ["sample", "runs/default", "--out", name]) == (
        f"Cannot write {name}: No space left on device; make room or choose another place. Nothing was changed.\n"
    )
    assert Path(name).read_text() == "old"
    assert not [path for path in Path().iterdir() if "tmp" in path.name]


def test_a_run_without_a_checkpoint_cannot_be_sampled(run, capfd):
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    lost = refused(capfd, ["sample", "runs/default", "--out", "x.png"])
    assert lost.startswith("runs/default has lost its checkpoints, and nothing is begun anew over what else is there; ")
    config = run / "config.toml"
    config.write_text(config.read_text().replace("checkpoint_saved = true\n", ""))  # killed before there was any
    assert refused(capfd, ["sample", "runs/default", "--out", "x.png"]) == (
        "runs/default is a run without a checkpoint: it was stopped before the first was saved. Go on with it: "
        "minigan train --resume runs/default\n"
    )


def test_a_disk_that_is_full_in_the_middle_of_training_is_told_with_the_checkpoint_that_stands(
    here, capfd, monkeypatch
):
    write = minigan.gan.Run.write

    def full(self, name, content):
        if name == "samples/epoch-002.png":
            raise minigan.RunError("Cannot write it.")
        return write(self, name, content)

    monkeypatch.setattr(minigan.gan.Run, "write", full)
    assert main(["train", "--data", "../data", "--epochs", "3", *TINY, "--out", "x"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        "minigan: Cannot write it. The last good checkpoint is x/checkpoints/step-00000003.safetensors; "
        "go on with minigan train --resume x"
    )


def test_a_checkpoint_of_another_kind_is_said_to_be_one(run, capfd):
    (path,) = (run / "checkpoints").iterdir()
    minigan.save({**minigan.load(path), "config": 3}, path)
    assert refused(capfd, ["sample", "runs/default", "--out", "x.png"]) == (
        "runs/default/checkpoints/step-00000003.safetensors is a checkpoint of another kind or version; "
        "use the version of minigan that wrote it, or train again.\n"
    )
    assert not Path("x.png").exists()


# ---- streams ---------------------------------------------------------------------------------------------


def through(shell, *argv):
    """The command line in a shell: what follows it there, and its own exit code at the end of stdout."""
    command = f"{shlex.join([sys.executable, '-m', 'minigan.cli', *argv])} {shell}; echo ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize(
    ("shell", "code"),
    [("| head -1", "141"), ("| true", "141"), ("> /dev/full", "2"), (">&- 2>&-", "0"), ("2> /dev/full", "0")],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_training_survives_streams_that_cannot_be_written(here, monkeypatch, shell, code, unbuffered):
    monkeypatch.setitem(ENVIRONMENT, "PYTHONUNBUFFERED", unbuffered)
    done = through(shell, "train", "--data", "../data", "--epochs", "2", *TINY)
    assert done.stdout.splitlines()[-1] == code
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert Path("runs/default/checkpoints/step-00000006.safetensors").is_file()
    assert Path("runs/default/curves.png").is_file()


@pytest.mark.parametrize(("shell", "code"), [("| true", "141"), ("> /dev/full", "2")])
@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["info"]])
def test_an_output_that_nobody_gets_is_a_failure_without_a_traceback(here, argv, shell, code):
    done = through(shell, *argv)
    assert done.stdout == f"{code}\n"
    full = "minigan: Cannot write to the standard output (No space left on device); send it somewhere else.\n"
    assert done.stderr == (full if code == "2" else "")


def test_a_character_that_the_terminal_lacks_is_spelled_out(run, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "PYTHONIOENCODING", "ascii")
    done = typed("sample", "runs/default", "-n", "1", "--out", "h\u00e9.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Wrote h\\xe9.png: 1 image by ")
