"""Every error that minigan raises on purpose, in one place.

A message says what was found, what was expected and what to do. The command line prints it and exits with
code 2; in a program each error is also a subclass of the built-in exception one would expect (a
:class:`ShapeError` is a ``ValueError``), so ``except ValueError`` keeps working.
"""


class MiniganError(Exception):
    """The base of all of minigan's own errors."""


class ShapeError(MiniganError, ValueError):
    """Shapes, axes or sizes that do not fit an operation or a layer."""


class RangeError(MiniganError, ValueError):
    """Values outside the range that an operation is defined on, such as probabilities above 1."""


class IndexRangeError(RangeError, IndexError):
    """An index beyond the end of a dimension."""


class DTypeError(MiniganError, TypeError):
    """Data types that do not fit an operation, such as float32 @ float64."""


class DeviceError(MiniganError, RuntimeError):
    """A device that is not there, or tensors of different devices in one operation."""


class GraphError(MiniganError, RuntimeError):
    """A gradient that cannot be computed: no graph, a graph already freed, an input that is not in it."""


class StaleGraphError(GraphError):
    """A value that backward needs was changed after the forward pass that saved it."""


class CaptureError(MiniganError, RuntimeError):
    """A function that cannot be captured: it looks at a value, or does what a replay would not repeat."""


class CaptureWarning(UserWarning):
    """Steps that were to be captured are played as written; the message says why."""


class GradcheckError(MiniganError, AssertionError):
    """An analytic gradient that differs from the numeric one."""


class StateError(MiniganError, RuntimeError):
    """A state dict that does not fit the module or optimizer it is loaded into."""


class DataError(MiniganError, ValueError):
    """A data file or folder that is missing, damaged, or not what it should be."""


class NoSplitError(DataError):
    """Data without the split that was asked for, such as a folder without test images."""


class ConfigError(MiniganError, ValueError):
    """A setting, preset or name that does not exist or has a value that makes no sense."""


class RunError(MiniganError, RuntimeError):
    """A run folder or checkpoint that cannot be written or read."""


class ArgumentError(MiniganError, TypeError):
    """Arguments that an operation does not have, too many or too few of them, or of a kind that it does not take."""


class AnomalyError(MiniganError, FloatingPointError):
    """The first operation or gradient that made a NaN or an infinity, found by `minigan.detect_anomaly`."""


class DivergedError(MiniganError, ArithmeticError):
    """Training met a loss or a gradient that is NaN or infinite."""
