"""``minigan info``: what minigan runs on."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from minigan.arguments import Parser
from minigan.streams import say


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments: none."""
    text = "show what minigan runs on: versions, processor, GPUs, and what is missing"
    parser = add("info", help=text, description=f"{text.capitalize().replace('gpu', 'GPU')}.")
    parser.set_defaults(run=info)
    return parser


def info(args: argparse.Namespace) -> int:
    """Show what minigan runs on."""
    from minigan.info import info as text

    say(text())
    return 0
