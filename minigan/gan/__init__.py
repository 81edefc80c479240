"""The game and its trainer: losses, penalties, networks, presets, runs."""

from minigan.gan.build import build_game
from minigan.gan.config import Config, load_preset, preset_names, set_field
from minigan.gan.ema import EMA
from minigan.gan.game import Game, Player, Report, draw_z
from minigan.gan.losses import LOSSES, Loss, get_loss
from minigan.gan.penalties import R1
from minigan.gan.run import Run
from minigan.gan.trainer import Extension, Trainer, Values

__all__ = [
    "EMA",
    "LOSSES",
    "R1",
    "Config",
    "Extension",
    "Game",
    "Loss",
    "Player",
    "Report",
    "Run",
    "Trainer",
    "Values",
    "build_game",
    "draw_z",
    "get_loss",
    "load_preset",
    "preset_names",
    "set_field",
]
