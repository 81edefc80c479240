"""Data: the bundled MNIST, IDX files, and the loader that draws batches from an array."""

from minigan.data.idx import read_idx
from minigan.data.loader import Loader, gather_pixels
from minigan.data.mnist import load_idx_folder, load_mnist

__all__ = ["Loader", "gather_pixels", "load_idx_folder", "load_mnist", "read_idx"]
