"""What watches the readers sees harm when it is done."""

import pickle
import socket

import numpy as np
import pytest

from .harmless import harmless
from .mutants import at_most


class Evil:
    def __reduce__(self):
        return exec, ("x = 1",)


CONTENT = pickle.dumps(Evil())


@pytest.mark.parametrize(
    "deed",
    [
        lambda folder: pickle.loads(CONTENT),
        lambda folder: eval("1 + 1"),
        lambda folder: socket.socket().close(),
        lambda folder: (folder.parent / "new").write_text("x"),
        lambda folder: (folder.parent / "old").unlink(),
        lambda folder: (folder / "inside").rename(folder.parent / "outside"),
        lambda folder: (folder / "link").write_text("x"),
    ],
)
def test_harm_is_seen(tmp_path, deed):
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (tmp_path / "old", folder / "inside"):
        path.write_text("x")
    (folder / "link").symlink_to(tmp_path / "old")
    with pytest.raises(AssertionError), harmless(folder):
        deed(folder)


def test_what_is_done_inside_the_folder_and_reading_anywhere_are_no_harm(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with harmless(tmp_path / "folder"):
        (tmp_path / "folder" / "file").write_text((tmp_path / "file").read_text())
        (tmp_path / "folder" / "file").rename(tmp_path / "folder" / "other")


def test_there_is_no_more_memory_than_is_allowed_and_afterwards_as_much_as_before():
    with at_most(64), pytest.raises(MemoryError):
        np.zeros(100 << 20, np.uint8)
    assert np.zeros(100 << 20, np.uint8).size
