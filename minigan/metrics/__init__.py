"""How good are generated samples? The judges that say so of images, and the count of modes for points."""

from minigan.metrics.judge import Judge, load_judge, read_judge
from minigan.metrics.modes import ModeCount, caught_modes

__all__ = ["Judge", "ModeCount", "caught_modes", "load_judge", "read_judge"]
