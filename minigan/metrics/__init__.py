"""How good are generated images? The judges that say so."""

from minigan.metrics.judge import Judge, load_judge, read_judge

__all__ = ["Judge", "load_judge", "read_judge"]
