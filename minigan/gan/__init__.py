"""The game and its trainer: losses, penalties, networks, rules, presets, runs."""

from minigan.gan.batch import Batch
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config, load_preset, preset_names, set_field, set_fields
from minigan.gan.ema import EMA
from minigan.gan.finite import StopOnNaN
from minigan.gan.game import Game
from minigan.gan.games import AuxiliaryClassifierGame, ConditionalGame, ReconstructionGame, SemiSupervisedGame
from minigan.gan.losses import LOSSES, Loss, Targets, get_loss
from minigan.gan.means import Values
from minigan.gan.noise import Noise
from minigan.gan.packing import instance_noise, pack
from minigan.gan.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty, clip_weights_
from minigan.gan.player import Player
from minigan.gan.reports import Report
from minigan.gan.run import Run
from minigan.gan.trainer import Extension, Trainer

__all__ = [
    "DRAGAN",
    "EMA",
    "LOSSES",
    "R1",
    "R2",
    "AuxiliaryClassifierGame",
    "Batch",
    "ConditionalGame",
    "Config",
    "DataFacts",
    "Extension",
    "Game",
    "GradientPenalty",
    "Loss",
    "Noise",
    "Penalty",
    "Player",
    "ReconstructionGame",
    "Report",
    "Run",
    "SemiSupervisedGame",
    "StopOnNaN",
    "Targets",
    "Trainer",
    "Values",
    "build_game",
    "clip_weights_",
    "get_loss",
    "instance_noise",
    "load_preset",
    "pack",
    "preset_names",
    "set_field",
    "set_fields",
]
