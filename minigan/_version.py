"""The version, read by the package metadata and by `minigan info`."""

__version__ = "0.1.0"
