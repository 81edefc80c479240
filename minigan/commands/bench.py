"""``minigan bench``: how fast the training step is, on every device, at every batch size."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

from minigan.arguments import Parser, at_least

DEFAULT = ("reference", "ring")  # much arithmetic for each kernel, and little
SECONDS, QUICK_SECONDS = 1.0, 0.1
LEAST, MOST = 0.01, 3600.0
QUICK_SIZES = (1, 16, 128)

EXAMPLES = """\
how it is measured
  A step is all that training does for one: gathering the batch, noise, dropout,
  both players' moves and optimizers, and reading the report every 50 steps.
  Eager and captured steps take turns, in blocks, after a warm-up; on a GPU the
  clock is read when it has done all it was asked for. Shown are the median over
  the blocks, and what a tenth of them undercut and a tenth exceed.

examples
  minigan bench
  minigan bench --quick
  minigan bench ring dcgan --batch-sizes 8,64,512 --device cpu
  minigan bench default --device cuda --seconds 3 --out results"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "bench",
        help="measure the speed of the training step, on CPU and GPU, by batch size",
        description="Measure the training step of presets, eager and captured: steps/s, samples/s, FLOP/s, share of\n"
        "what the device can do, peak memory. Prints a table; writes the numbers as JSON, and plots.",
        epilog=EXAMPLES,
    )
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"which (default: {' and '.join(DEFAULT)})")
    parser.add_argument(
        "--batch-sizes", type=_sizes, metavar="N,N,...", help="real samples in a batch (default: 1,2,4,...,8192)"
    )
    parser.add_argument(
        "--device",
        type=_device,
        default="all",
        help="cpu, cuda, cuda:1, or all: the CPU and every GPU that works (default)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help=f"time each mode for so long at each batch size, and for five blocks at least (default: {SECONDS:g})",
    )
    parser.add_argument("--quick", action="store_true", help="a glance: few batch sizes, a tenth of the time")
    parser.add_argument("--out", metavar="DIR", help="folder to write, empty or new (default: the next free bench)")
    parser.set_defaults(run=bench)
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    """Whole numbers between commas, in ascending order."""
    return tuple(sorted({at_least(1)(part) for part in text.split(",")}))


def _device(text: str) -> str:
    """The name of a device, or of all."""
    if not re.fullmatch("all|auto|cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"expected all, auto, cpu, cuda or cuda:N, N from 0, but got {text!r}")
    return text


def _seconds(text: str) -> float:
    """For each mode and batch size: more than an hour can only be a slip."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not LEAST <= seconds <= MOST:
        raise argparse.ArgumentTypeError(f"expected a number from {LEAST:g} to {MOST:g}, but got {text!r}")
    return seconds


def bench(args: argparse.Namespace) -> int:
    """Measure the training step of presets."""
    from minigan.commands.measuring import bench

    args.presets = list(dict.fromkeys(args.presets)) or list(DEFAULT)
    args.seconds = args.seconds or (QUICK_SECONDS if args.quick else SECONDS)
    args.batch_sizes = args.batch_sizes or (QUICK_SIZES if args.quick else None)
    return bench(args)
