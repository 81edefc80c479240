"""What the tests of the command line share: a small data set, small networks, and a process of its own."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

import minigan
from minigan.cli import main

TINY = ["--set", "generator.hidden=[8]", "--set", "discriminator.hidden=[8]", "--batch-size", "4"]
SMALL_IMAGES = ["--data", "../data", *TINY]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(minigan.__file__).parents[1])}


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_data(folder, images=12, labels=12):
    """A data set of images of 6 x 5 pixels, of three classes."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (images, 6, 5), np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx((np.arange(labels) % 3).astype(np.uint8)))
    return folder


def files(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def typed(*argv, **settings):
    """The real command line in a process of its own."""
    command = [sys.executable, "-m", "minigan.cli", *argv]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **settings)


def done(capfd, *argv):
    """What a command that works prints on stdout, in this process."""
    assert main([str(arg) for arg in argv]) == 0
    return capfd.readouterr().out


def refused(capfd, argv):
    """The sentence on stderr, after an exit code of 2 and nothing on stdout."""
    assert main(argv) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("minigan: ")
    assert err.count("\n") == 1  # one line: no traceback, no warning
    return err.removeprefix("minigan: ")
