"""The command line, as a person types it: what works, and one clear sentence for all that does not."""

import errno
import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigan
import minigan.cli
from minigan.backend.device import Probe
from minigan.cli import main
from minigan.gan import draw_z, preset_names

TINY = ["--set", "generator.hidden=[8]", "--set", "discriminator.hidden=[8]", "--batch-size", "4"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minigan.__file__).parents[1])}


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_data(folder, images=12, labels=12):
    """A data set of images of 6 x 5 pixels."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (images, 6, 5), np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(labels, np.uint8)))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, beside a folder with data."""
    write_data(tmp_path / "data")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def run(here, capfd):
    """The folder of a finished run, runs/default."""
    assert main(["train", "--data", "../data", "--epochs", "1", *TINY]) == 0
    capfd.readouterr()
    return here / "runs" / "default"


def files(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def typed(*argv, **settings):
    """The real command line in a process of its own."""
    command = [sys.executable, "-m", "minigan.cli", *argv]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **settings)


# ---- what a newcomer does --------------------------------------------------------------------------------


def test_a_newcomer_trains_and_then_types_what_the_last_line_says(here):
    trained = typed("train", "--data", "../data", "--epochs", "2", *TINY)
    assert (trained.returncode, trained.stderr.count("epoch ")) == (0, 2)
    command = trained.stdout.splitlines()[-1].split()
    assert command[:3] == ["minigan", "sample", "runs/default"]
    drawn = typed(*command[1:])
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert drawn.stdout == "Wrote grid.png: 64 images by runs/default as it was after step 6.\n"
    with Image.open("grid.png") as image:
        assert image.size == (2 * (1 + 8 * 6), 2 * (1 + 8 * 7))


def test_train_says_what_it_trains_on_what_for_how_long_and_where_to(here, capfd):
    assert main(["train", "--data", "../data", "--epochs", "2", *TINY]) == 0
    out = capfd.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[:7])
    assert lines["train"].startswith("default: ")
    assert lines["data"] == f"{here}/../data, train split: 12 images of 6 x 5 pixels"
    G, D = 100 * 8 + 8 + 2 * 8 + 8 * 30 + 30, 30 * 8 + 8 + 8 + 1  # Linear, BatchNorm, Linear; Linear, Linear
    assert lines["networks"] == f"G with {G:,} parameters, D with {D}"
    assert re.fullmatch(r"(cpu|cuda:0) \(.+\)", lines["device"])
    assert lines["length"] == "6 steps of 4 images (2 epochs)"
    assert re.match(r"about \d+ s on this machine", lines["time"])
    assert lines["writes"] == "runs/default/"


def test_at_the_end_train_says_where_to_look(here, capfd):
    main(["train", "--data", "../data", "--epochs", "1", *TINY])
    out = capfd.readouterr().out
    assert "Done: 3 steps." in out
    for name in ("samples/epoch-001.png", "samples.gif", "curves.png"):
        assert f"runs/default/{name} " in out
        assert (here / "runs/default" / name).is_file()


def test_every_run_gets_a_folder_of_its_own(run, here):
    assert main(["train", "--data", "../data", "--steps", "1", *TINY]) == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["default", "default-2"]


def test_a_config_toml_repeats_its_run(run):
    assert main(["train", "runs/default/config.toml", "--out", "again"]) == 0
    assert Path("again/log.jsonl").read_bytes() == (run / "log.jsonl").read_bytes()


def test_options_are_kept_in_config_toml(here):
    options = ["--steps", "2", "--seed", "7", "--set", "game.label_smoothing=0.1", "--set", "training.log_every=1"]
    assert main(["train", "reference", "--data", "../data", "--out", "x", *options, *TINY]) == 0
    config = minigan.gan.run.read_config("x/config.toml")
    assert (config.name, config.training.steps, config.training.seed) == ("reference", 2, 7)
    assert (config.game.label_smoothing, config.training.batch_size, config.generator.hidden) == (0.1, 4, (8,))
    assert Path(config.data.source).is_absolute()  # so that the run can be repeated from another folder
    assert "train reference --data ../data --out x" in Path("x/config.toml").read_text()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (42, "about 42 s"),
        (293, "about 4.9 minutes"),
        (300, "about 5 minutes"),
        (9000, "about 2.5 hours"),
        (432000, "about 120 hours"),
    ],
)
def test_times_are_told_in_round_numbers(seconds, words):
    assert minigan.cli._about(seconds) == words


# ---- sample ----------------------------------------------------------------------------------------------


def test_sample_writes_the_numbers_that_the_average_of_G_gives(run):
    assert main(["sample", "runs/default", "-n", "5", "--seed", "3", "--out", "x.npy"]) == 0
    images = np.load("x.npy")
    assert (images.dtype, images.shape) == (np.float32, (5, 1, 6, 5))
    saved = minigan.gan.Run.open(run).checkpoint
    game = minigan.gan.build_game(minigan.gan.Config.from_dict(saved["config"]), (1, 6, 5), minigan.device("cpu"))
    game.ema.load_state_dict(saved["game"]["ema"])
    with minigan.no_grad():
        expected = game.ema.network(draw_z(5, 100, 3, minigan.device("cpu"))).numpy()
    np.testing.assert_array_equal(images, expected)
    assert np.abs(images).max() <= 1


def test_the_same_seed_draws_the_same_picture_and_another_seed_another(run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main(["sample", "runs/default", "--seed", str(seed), "--out", f"{name}.png"]) == 0
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_run_can_be_sampled_after_its_data_are_gone(run, here):
    for path in (here.parent / "data").iterdir():
        path.unlink()
    assert main(["sample", "runs/default", "--out", "x.png"]) == 0


# ---- help ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_where_to_start(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("train", "sample", "info", "minigan train --help"))


def test_the_help_of_train_lists_every_preset_with_what_it_is(capsys):
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    for name in preset_names():
        assert f"  {name:<12}{minigan.gan.load_preset(name).about}\n" in out


@pytest.mark.parametrize("command", ["train", "sample"])
def test_the_examples_in_the_help_can_be_typed(command, capsys):
    import shlex

    from minigan.arguments import parse

    main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples\n")[2].splitlines()
    assert len(examples) >= 2
    for example in examples:
        args = parse(*minigan.cli._parsers(), shlex.split(example)[1:])
        if command == "train":
            minigan.cli._config(args) if not args.preset.endswith(".toml") else None


def test_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"minigan {minigan.__version__}\n"


def test_info_tells_what_minigan_runs_on(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert np.__version__ in out
    assert "BLAS" in out


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from minigan.cli import main; main(['--help'])\n"
        "heavy = {'minigan.gan', 'minigan.data', 'matplotlib', 'PIL', 'tqdm', 'scipy', 'cupy', 'safetensors'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "")


# ---- bad input: one sentence, exit code 2, nothing written -----------------------------------------------

TRAIN = ["train", "--data", "../data", "--steps", "1"]


def test_one_sentence_on_stderr_and_no_traceback_in_a_real_process(here):
    done = typed("train", "--epochs", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "minigan: --epochs: expected a whole number of at least 1, but got '0'. See minigan train --help.\n"
    )


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["trian"], "There is no command 'trian'; did you mean 'train'? Expected one of train, sample, info."),
        (["frobnicate"], "There is no command 'frobnicate'. Expected one of train, sample, info."),
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
        (["train", "defualt"], "No preset 'defualt': expected one of default, reference. Did you mean default?"),
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
        ([*TRAIN, *TINY, "--seed", str(2**64)], f"The seed must be an integer from 0 to 2**64 - 1, but is {2**64}."),
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
        ([*TRAIN, "--device", "gpu"], "Unknown device 'gpu': expected 'auto', 'cpu', 'cuda' or 'cuda:N', N from 0."),
        ([*TRAIN, "--device", "cuda:99"], "Device cuda:99 cannot be used: "),
        (["sample", "nowhere", "--out", "x.png"], "nowhere does not exist; expected the folder of a run, such as"),
        (["sample", ".", "--out", "x.png"], ". holds no config.toml; expected the folder of a run, such as"),
        (["sample", ".", "-n", "0", "--out", "x.png"], "-n: expected a whole number of at least 1, but got '0'."),
        (["sample", ".", "-n", "-5", "--out", "x.png"], "-n: expected a whole number of at least 1, but got '-5'."),
        (["sample", "."], "the following arguments are required: --out. See minigan sample --help."),
        (
            ["sample", ".", "--out", "x.jpg"],
            "--out x.jpg: expected a name that ends in .png (a grid) or .npy (the numbers).",
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


def refused(capfd, argv):
    """The sentence on stderr, after an exit code of 2 and nothing on stdout."""
    assert main(argv) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("minigan: ")
    assert err.count("\n") == 1  # one line: no traceback, no warning
    return err.removeprefix("minigan: ")


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
        (lambda data: (data / IMAGES).unlink(), "holds no pair of IDX files for the split 'train': expected"),
        (lambda data: truncate(data / IMAGES), "is truncated: found 359 bytes of data, but its header promises 360"),
        (lambda data: pack(data / IMAGES), "is a damaged gzip file"),
        (lambda data: (data / IMAGES).write_bytes(b""), "is empty, but an IDX file was expected"),
        (lambda data: (data / IMAGES).write_bytes(b"\x89PNG...."), "is not an IDX file: it begins with"),
        (lambda data: (data / LABELS).write_bytes(idx(np.zeros(11, np.uint8))), "12 images, but train-labels-idx1-ubyte"
                                                                                " holds 11 labels"),
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
        "runs/default already holds a run, which would be overwritten; choose another folder with --out.\n"
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
    assert said.startswith("game.r1_gamma: R1 is defined on logits;")
    assert files(here) == {}


def test_a_last_batch_too_short_for_batch_norm_is_found_before_anything_is_written(here, capfd):
    """Twelve images in batches of eleven leave one."""
    refused(capfd, ["train", "--data", "../data", "--epochs", "1", *TINY[:4], "--batch-size", "11"])
    assert files(here) == {}


def test_a_loss_that_is_nan_stops_training_and_says_at_which_step_and_in_which_network(here, capfd):
    assert main([*TRAIN[:3], "--epochs", "9", *TINY, "--out", "x", "--set", "generator.lr=1e38"]) == 2
    err = capfd.readouterr().err.splitlines()[-1]
    assert re.match(r"minigan: Training diverged (at|by) step \d: the (loss of the )?(generator|discriminator) ", err)
    assert "No checkpoint had been saved yet; try lower learning rates" in err
    assert not list(Path("x/checkpoints").iterdir())


def test_out_of_memory_is_one_sentence(run, capfd):
    said = refused(capfd, ["sample", "runs/default", "-n", str(10**15), "--out", "x.npy"])
    assert said.startswith("Out of memory (Unable to allocate ")
    assert not Path("x.npy").exists()


@pytest.mark.parametrize("name", ["x.png", "x.npy"])
def test_a_sample_that_cannot_be_written_leaves_the_old_file(run, capfd, monkeypatch, name):
    Path(name).write_text("old")

    def replace(self, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", replace)
    assert refused(capfd, ["sample", "runs/default", "--out", name]) == (
        f"Cannot write {name}: No space left on device. Nothing was changed.\n"
    )
    assert Path(name).read_text() == "old"
    assert not [path for path in Path().iterdir() if "tmp" in path.name]


def test_a_run_without_a_checkpoint_cannot_be_sampled(run, capfd):
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    assert refused(capfd, ["sample", "runs/default", "--out", "x.png"]) == (
        "runs/default is a run without a checkpoint: it was stopped before the first was saved. Train again.\n"
    )


# ---- Ctrl-C ----------------------------------------------------------------------------------------------

# A shell without job control starts background jobs with Ctrl-C switched off, and so may whoever runs the tests.
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from minigan.cli import main; sys.exit(main(sys.argv[1:]))"
)


def test_ctrl_c_saves_a_checkpoint_and_says_so(here):
    argv = ["train", "--data", "../data", "--steps", "10000000", "--set", "training.log_every=5", *TINY]
    command = [sys.executable, "-c", LISTENING, *argv]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    deadline = time.monotonic() + 60
    while not Path("runs/default/log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    stopped = re.search(r"Stopped after step ([\d,]+) of 10,000,000, which is saved in (\S+)\.\n", out)
    assert stopped
    step = int(stopped[1].replace(",", ""))
    assert Path(stopped[2]).name == f"step-{step:08d}.safetensors"
    assert minigan.load(stopped[2])["step"] == step


def test_a_second_ctrl_c_is_an_interrupt(here, capfd, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(minigan.cli, "train", interrupted)
    assert main(["train"]) == 130
    assert capfd.readouterr().err == "minigan: Interrupted.\n"
