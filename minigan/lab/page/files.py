"""The files of a folder, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from minigan.serialization import write_whole


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder that is there; if one cannot be written, those before it are taken back.

    Args:
        files: their contents, by name; files of the same names are replaced.
        folder: where to.

    Raises:
        RunError: a file cannot be written.

    >>> import pathlib, tempfile
    >>> from minigan.lab.page.files import write_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_files({"a.txt": b"one", "b.txt": b"two"}, pathlib.Path(folder))
    ...     print(sorted(path.name for path in pathlib.Path(folder).iterdir()))
    ['a.txt', 'b.txt']
    """
    written: list[Path] = []
    try:
        for name, content in files.items():
            write_whole(folder / name, content)
            written.append(folder / name)
    except BaseException:  # a disk that is full, or somebody who loses patience: half a folder would look whole
        for path in written:
            path.unlink(missing_ok=True)
        raise
