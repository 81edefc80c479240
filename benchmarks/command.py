"""How a benchmark is run as a command: in the same conditions as `minigan`, and with its errors in a sentence."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from minigan import blas
from minigan.backend.memory import keep_freed_memory
from minigan.errors import MiniganError
from minigan.gan.signals import exit_code

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
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: Interrupted.", file=sys.stderr)
        sys.exit(exit_code(signal.SIGINT))
    except BrokenPipeError:  # nobody reads on, as after | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exit_code(signal.SIGPIPE))
