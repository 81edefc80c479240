"""The command line: ``minigan train``, ``minigan sample``, ``minigan info``.

A command is a function that takes its arguments and returns nothing; whatever is wrong with them it raises, and
`main` says it in one sentence. What a command needs is imported inside it, so that ``minigan --help`` is instant.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan import streams
from minigan._version import __version__
from minigan.arguments import Parser, at_least, parse
from minigan.errors import ConfigError, MiniganError, RunError

if TYPE_CHECKING:
    from minigan.backend.device import Device
    from minigan.data import Loader
    from minigan.gan import Config, Run, Trainer

# Exit codes; the last two are what a shell gives to a program that Ctrl-C or a reader who left (`| head`) ended.
OK, WRONG, INTERRUPTED, UNREAD = 0, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0; 2 after an error; 130 after an interrupt; 141 if all went well but nobody read stdout.
    """
    streams.prepare()
    code = _run(sys.argv[1:] if argv is None else list(argv))
    failure = streams.finish()
    if failure is None or code != OK:
        return code
    if isinstance(failure, BrokenPipeError):
        return UNREAD
    return _complain(f"Cannot write to the standard output ({failure.strerror}); send it somewhere else.", WRONG)


def _run(argv: list[str]) -> int:
    try:
        args = parse(*_parsers(), argv or ["--help"])
        args.typed = shlex.join(["minigan", *argv])
        args.run(args)
    except SystemExit as done:  # how argparse ends after --help and --version
        return int(done.code or OK)
    except MiniganError as error:
        return _complain(str(error), WRONG)
    except OSError as error:  # a name or a permission that nobody thought of
        return _complain(f"Cannot use {error.filename} ({error.strerror}); check its name and permissions.", WRONG)
    except MemoryError as error:
        return _complain(f"Out of memory ({error}); try a smaller --batch-size, network or -n.", WRONG)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)
    return OK


def _complain(sentence: str, code: int) -> int:
    streams.say(f"minigan: {sentence}", to="stderr")
    return code


# ---- train -----------------------------------------------------------------------------------------------


def train(args: argparse.Namespace) -> None:
    """Train a GAN into a run folder."""
    from minigan.backend.device import device as resolve
    from minigan.backend.memory import keep_freed_memory
    from minigan.gan import Run, Trainer, build_game
    from minigan.gan.extensions import standard

    keep_freed_memory()  # a training step asks for the same arrays again and again
    config = _config(args)
    device = resolve(args.device)
    loader = _loader(config)
    _check_last_batch(config, loader)
    config = _with_length(config, args, len(loader))
    seconds = _seconds_per_step(config, loader, device) * config.training.steps
    game = build_game(config, loader.images.shape[1:], device)
    trainer = Trainer(game, loader, config.training.steps, device=device, log_every=config.training.log_every)
    run = Run.create(args.out, config, args.typed, device)
    trainer.extensions += standard(run)
    streams.say(_announcement(trainer, run, args.device, seconds) + "\n")
    try:
        trainer.run()
    except RunError as error:
        raise RunError(f"{error} {trainer.what_stands()}.") from None
    streams.say("\n" + _farewell(trainer, run))


def _config(args: argparse.Namespace) -> Config:
    """The settings of the preset, changed by --set, and then by the other options."""
    from minigan.gan import load_preset, set_field
    from minigan.gan.run import read_config

    config = read_config(args.preset) if args.preset.endswith(".toml") else load_preset(args.preset)
    for assignment in args.set:
        config = set_field(config, assignment)
    if args.data is not None:
        source = args.data if args.data == "mnist" else str(Path(args.data).absolute())
        config = _with(config, "data", source=source)
    if args.batch_size is not None:
        config = _with(config, "training", batch_size=args.batch_size)
    if args.seed is not None:
        config = _with(config, "training", seed=args.seed)
    return config


def _with_length(config: Config, args: argparse.Namespace, steps_per_epoch: int) -> Config:
    if args.epochs is not None:
        return _with(config, "training", steps=args.epochs * steps_per_epoch)
    return config if args.steps is None else _with(config, "training", steps=args.steps)


def _with(config: Config, section: str, **values: Any) -> Config:
    from minigan.gan import Config

    settings = config.to_dict()
    settings[section].update(values)
    return Config.from_dict(settings)


def _loader(config: Config) -> Loader:
    from minigan.data import Loader, load_idx_folder, load_mnist

    source, split, training = config.data.source, config.data.split, config.training
    images, labels = load_mnist(split) if source == "mnist" else load_idx_folder(source, split)
    return Loader(images, labels, training.batch_size, training.seed, config.data.drop_last)


def _check_last_batch(config: Config, loader: Loader) -> None:
    """BatchNorm has no use for a batch of one, which training would meet only at the end of an epoch."""
    if config.generator.batch_norm and len(loader.batch(len(loader) - 1)) == 1:
        raise ConfigError(
            "G, layer 1: BatchNorm needs at least two images, but the last batch of an epoch has one; "
            "choose another --batch-size of at least two, or leave that batch out with --set data.drop_last=true."
        )


def _seconds_per_step(config: Config, loader: Loader, device: Device) -> float:
    """Measured on a game that is thrown away: the best of three rounds of some steps, after one to warm up.

    It is played on the shortest batch first: what does not fit together shows before anything is written.
    """
    from time import perf_counter

    import numpy as np

    from minigan.gan import build_game
    from minigan.ops.creation import as_tensor

    game = build_game(config, loader.images.shape[1:], device)
    # A step with R1 costs far more than one without, so each round holds whole periods of it. Where it is due more
    # rarely than on every 8th step, it matters too little to wait for.
    period = min(config.game.r1_every, 8) if config.game.r1_gamma else 1
    length = -(-4 // period) * period
    rounds = []
    with np.errstate(all="ignore"):  # if it diverges, the trainer will say so
        for first in range(-1, 4 * length - 1, length):
            begun = perf_counter()
            for step in range(first, first + length):
                report = game.step(as_tensor(loader.batch(step % len(loader)), device=device))
            report.loss_G.item()  # waits for the device
            rounds.append((perf_counter() - begun) / length)
    return min(rounds[1:])


def _announcement(trainer: Trainer, run: Run, asked_device: str, seconds: float) -> str:
    from minigan.info import AVX512_HINT, environment

    config, images = run.config, trainer.loader.images
    data = "MNIST" if config.data.source == "mnist" else config.data.source
    channels, height, width = images.shape[1:]
    size = f"{height} x {width}" + (f" x {channels}" if channels > 1 else "")
    G, D = (player.network.num_parameters() for player in (trainer.game.generator, trainer.game.discriminator))
    epochs = trainer.steps / len(trainer.loader)
    lines = {
        "train": f"{config.name}: {config.about}" if config.about else config.name,
        "data": f"{data}, {config.data.split} split: {len(images):,} images of {size} pixels",
        "networks": f"G with {G:,} parameters, D with {D:,}",
        "device": _device_and_why(asked_device, trainer.device),
        "length": f"{trainer.steps:,} steps of {trainer.loader.batch_size} images ({epochs:.3g} epochs)",
        "time": f"{_about(seconds)} on this machine; Ctrl-C stops early and saves",
        "writes": f"{run.path}/",
    }
    if environment()["avx512_unused"]:
        lines["faster"] = AVX512_HINT
    return "\n".join(f"{label:<10}{text}" for label, text in lines.items())


def _device_and_why(asked: str, device: Any) -> str:
    from minigan.backend.device import probe

    return f"{device} ({probe().sentence.rstrip('.')})" if asked == "auto" else f"{device}, as asked"


def _about(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"about {float(f'{seconds / length:.2g}'):g} {unit}"
    return f"about {max(seconds, 1):.0f} s"


def _farewell(trainer: Trainer, run: Run) -> str:
    if trainer.checkpoint is None:
        return "Stopped before the first step; nothing was trained."
    done = f"Done: {trainer.steps:,} steps."
    if trainer.step < trainer.steps:
        done = f"Stopped after step {trainer.step:,} of {trainer.steps:,}, which is saved in {trainer.checkpoint}."
    looks = {
        **dict.fromkeys(run.samples()[-1:], "what the generator draws now"),
        run.path / "samples.gif": "how it came to it, epoch by epoch",
        run.path / "curves.png": "the losses, and what D made of real and generated images",
    }
    width = max(len(str(path)) for path in looks)
    again = f"minigan sample {shlex.quote(str(run.path))} -n 64 --seed 1 --out grid.png"
    return "\n".join(
        [
            done,
            "",
            "Look at",
            *(f"  {path!s:<{width}}  {what}" for path, what in looks.items()),
            "",
            "Draw new images with",
            f"  {again}",
        ]
    )


# ---- sample ----------------------------------------------------------------------------------------------


def sample(args: argparse.Namespace) -> None:
    """Draw new images from a trained run."""
    from minigan.backend.device import CPU
    from minigan.gan import Run
    from minigan.gan.config import check_whole
    from minigan.gan.extensions import sample as draw
    from minigan.gan.pictures import grid, png
    from minigan.serialization import write_whole

    out = _checked_out(Path(args.out))
    n = check_whole("-n", args.n)
    run = Run.open(args.folder)
    game = run.game(CPU)
    images = draw(game, n, args.seed, CPU)
    write_whole(out, png(grid(images)) if out.suffix == ".png" else _npy(images))
    streams.say(f"Wrote {out}: {n:,} images by {run.path} as it was after step {game.steps:,}.")


def _checked_out(out: Path) -> Path:
    if out.suffix not in (".png", ".npy"):
        raise ConfigError(f"--out {out}: expected a name that ends in .png (a grid) or .npy (the numbers).")
    if out.is_dir():
        raise RunError(f"--out {out}: this is a folder; name a file inside it.")
    if not out.parent.is_dir():
        raise RunError(f"--out {out}: there is no folder {out.parent}; make it first, or choose another.")
    return out


def _npy(images: Any) -> bytes:
    from io import BytesIO

    import numpy as np

    file = BytesIO()
    np.save(file, images)
    return file.getvalue()


# ---- info ------------------------------------------------------------------------------------------------


def info(args: argparse.Namespace) -> None:
    """Show what minigan runs on."""
    from minigan.info import info as text

    streams.say(text())


# ---- arguments -------------------------------------------------------------------------------------------


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(prog="minigan", description="Train GANs on an autograd engine built from scratch.", epilog=START)
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    commands = {"train": _train_parser(add), "sample": _sample_parser(add), "info": _info_parser(add)}
    return parser, commands


START = """\
start with
  minigan train             five minutes on two cores, then generated digits
  minigan train --help      presets and options"""


def _train_parser(add: Callable[..., Parser]) -> Parser:
    parser = add(
        "train",
        help="train a GAN; writes a folder with samples, curves, a log and checkpoints",
        description="Train a GAN. All that it leaves behind is in one folder, by default runs/PRESET.",
    )
    whole, natural = at_least(1), at_least(0)
    length = parser.add_mutually_exclusive_group()
    parser.add_argument(
        "preset",
        nargs="?",
        default="default",
        metavar="PRESET",
        help="a preset (below; by default `default`), or a .toml file, such as config.toml of a run",
    )
    parser.add_argument("--data", metavar="mnist|FOLDER", help="MNIST, or a folder with a pair of IDX files")
    length.add_argument("--epochs", type=whole, metavar="N", help="how often to go through the data")
    length.add_argument("--steps", type=whole, metavar="N", help="how many steps to make (default: the preset's)")
    parser.add_argument("--batch-size", type=whole, metavar="N", help="real images in a step (default: the preset's)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, or auto: a GPU if one works (default)")
    parser.add_argument("--seed", type=natural, metavar="S", help="the same seed gives the same run (default: 0)")
    parser.add_argument(
        "--out", metavar="DIR", help="folder to write, empty or new (default: the next free runs/PRESET)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any setting in config.toml, such as generator.lr=1e-4; may be repeated",
    )
    parser.set_defaults(run=train)
    parser.late_epilog = _train_epilog
    return parser


def _train_epilog() -> str:
    from minigan.gan import load_preset, preset_names

    presets = "\n".join(f"  {name:<12}{load_preset(name).about}" for name in preset_names())
    return f"presets\n{presets}\n\n{TRAIN_EXAMPLES}"


TRAIN_EXAMPLES = """\
examples
  minigan train
  minigan train reference --epochs 5 --out runs/first
  minigan train --data path/to/fashion-mnist --seed 1
  minigan train --set game.r1_gamma=0 --set 'generator.hidden=[128, 256]'
  minigan train runs/default/config.toml"""


def _sample_parser(add: Callable[..., Parser]) -> Parser:
    parser = add(
        "sample",
        help="draw new images from a trained run",
        description="Draw new images from the newest checkpoint of a run.",
        epilog=SAMPLE_EXAMPLES,
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a run, such as runs/default")
    parser.add_argument("-n", type=at_least(1), default=64, metavar="N", help="how many images (default: 64)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="the same seed draws the same images")
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="grid.png for a picture; x.npy for float32 numbers (N, C, H, W) in [-1, 1]",
    )
    parser.set_defaults(run=sample)
    return parser


SAMPLE_EXAMPLES = """\
examples
  minigan sample runs/default -n 100 --seed 3 --out grid.png
  minigan sample runs/default -n 10000 --out digits.npy"""


def _info_parser(add: Callable[..., Parser]) -> Parser:
    text = "show what minigan runs on: versions, processor, GPUs, and what is missing"
    parser = add("info", help=text, description=f"{text.capitalize().replace('gpu', 'GPU')}.")
    parser.set_defaults(run=info)
    return parser


if __name__ == "__main__":
    sys.exit(main())
