"""Data: the bundled MNIST, files and folders of one's own, mixtures of Gaussians, and the loader that draws batches."""

from minigan.data.arrays import load_arrays
from minigan.data.idx import read_idx
from minigan.data.images import load_image_folder
from minigan.data.loader import Loader, gather_pixels
from minigan.data.mixtures import Mixture, grid, mixture_1d, ring, spiral
from minigan.data.mnist import load_idx_folder, load_mnist
from minigan.data.sources import BUILT_IN, Dataset, open_data

__all__ = [
    "BUILT_IN",
    "Dataset",
    "Loader",
    "Mixture",
    "gather_pixels",
    "grid",
    "load_arrays",
    "load_idx_folder",
    "load_image_folder",
    "load_mnist",
    "mixture_1d",
    "open_data",
    "read_idx",
    "ring",
    "spiral",
]
