"""What a step of the game takes: samples, and what is known of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from minigan.backend.device import Device
from minigan.ops.creation import as_tensor
from minigan.ops.joining import cat
from minigan.tensor import Tensor


class Batch(NamedTuple):
    """Samples (N, ...), real or fake, and what is known of them: labels (N,), if the game uses any."""

    images: Tensor
    labels: Tensor | None = None

    @classmethod
    def of(cls, images: NDArray[Any], labels: NDArray[Any] | None, device: Device) -> Batch:
        """From host arrays."""
        return cls(as_tensor(images, device=device), None if labels is None else as_tensor(labels, device=device))

    def detach(self) -> Batch:
        """Cut off from the tape."""
        return self._replace(images=self.images.detach())

    def cat(self, other: Batch) -> Batch:
        """These samples, and then the others; without labels if one of the two has none."""
        labels = None if self.labels is None or other.labels is None else cat([self.labels, other.labels])
        return Batch(cat([self.images, other.images]), labels)
