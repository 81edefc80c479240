"""``minigan presets``: what can be trained by name."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan.arguments import Parser
from minigan.streams import say

if TYPE_CHECKING:
    from minigan.gan import Config

WIDTH = 100
COSTS = Path(__file__).parents[1] / "gan" / "presets" / "costs.json"
"""What an epoch of each preset costs, as benchmarks/presets.py measured it."""

EXAMPLES = """\
examples
  minigan presets
  minigan presets dcgan
  minigan presets dcgan > mine.toml"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "presets",
        help="list what can be trained by name, or show the settings of one",
        description="List the presets: what each is, where its settings come from,\nwhat an epoch of it costs.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="print all settings of this one as TOML, for `minigan train FILE.toml`"
    )
    parser.set_defaults(run=presets)
    return parser


def presets(args: argparse.Namespace) -> int:
    """List the presets, or print the settings of one."""
    from minigan.gan.config import load_preset, preset_names

    if args.name is not None:
        say(settings_of(load_preset(args.name)), end="")
        return 0
    names, costs = preset_names(), _costs()
    indent = max(map(len, names)) + 2
    for name in names:
        preset = load_preset(name)
        lines = [preset.about, f"source: {preset.source}", f"epoch:  {_cost(costs['presets'].get(name))}"]
        say("\n".join([_wrapped(lines[0], name, indent), *(_wrapped(line, "", indent) for line in lines[1:]), ""]))
    if costs["presets"]:
        say(f"Times on {costs['machine']}.")
    return 0


def settings_of(config: Config) -> str:
    """All settings as TOML, to be changed and trained."""
    import tomli_w

    return tomli_w.dumps(config.to_dict())


def _wrapped(text: str, label: str, indent: int) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=label.ljust(indent), subsequent_indent=" " * indent)


def _cost(measured: dict[str, Any] | None) -> str:
    if measured is None:
        return "not measured"
    return f"{measured['steps_per_epoch']:,} steps, {measured['seconds_per_epoch']:.3g} s"


def _costs() -> dict[str, Any]:
    import json

    if not COSTS.is_file():
        return {"machine": "", "presets": {}}
    costs: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8"))
    return costs
