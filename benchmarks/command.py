"""How a benchmark is run as a command: in the same conditions as `minigan`, and with its errors in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from minigan import blas
from minigan.backend.memory import keep_freed_memory
from minigan.errors import MiniganError

WRONG = 2  # the exit code of `minigan`, too


def run(main: Callable[[], int | None]) -> None:
    """Run the program, and end with its exit code.

    Kernels of the BLAS and memory are set as `minigan train` sets them: so runs of both have the same speed and the
    same bits.
    """
    blas.restart_with_settings()
    keep_freed_memory()
    try:
        sys.exit(main())
    except MiniganError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(WRONG)
