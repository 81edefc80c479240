"""Whether there is room for an array: Linux grants memory that it has not got, and ends the program once it is used."""

from minigan.backend.memory import physical_memory
from minigan.errors import ConfigError

GIB = 1 << 30


def check_room(needed: int, what: str, advice: str) -> None:
    """Make sure that so much fits into three quarters of the memory: the rest is for the system and the networks.

    Args:
        needed: in bytes.
        what: is to be held, for the message.
        advice: what to do where there is too little room.

    Raises:
        ConfigError: it does not fit.

    Example:
        >>> from minigan.data.room import check_room
        >>> check_room(10**20, "2 pictures", "choose a smaller size")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        minigan.errors.ConfigError: Found 2 pictures, for which this machine has too little memory: about 93,132,257...
    """
    memory = physical_memory()
    if memory and needed > memory // 4 * 3:
        raise ConfigError(
            f"Found {what}, for which this machine has too little memory: about {needed / GIB:,.1f} GiB are needed, "
            f"and {memory / GIB:,.1f} GiB are there for everything; {advice}."
        )
