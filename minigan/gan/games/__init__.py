"""Games in which there is more at stake than real or fake."""

from minigan.gan.games.auxiliary import AuxiliaryClassifierGame
from minigan.gan.games.conditional import ConditionalGame
from minigan.gan.games.reconstruction import ReconstructionGame
from minigan.gan.games.semi_supervised import SemiSupervisedGame

__all__ = ["AuxiliaryClassifierGame", "ConditionalGame", "ReconstructionGame", "SemiSupervisedGame"]
