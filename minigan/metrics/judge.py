"""The judge: a small classifier of digits that generated images are shown to.

Two of them come with minigan, of one architecture and from two seeds. Whatever is chosen by a judge (a recipe, a
checkpoint) looks better to this judge than it is, so choose by ``"selection"`` and report what ``"report"`` says.
`minigan.metrics.train_judge` made both.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan import nn
from minigan.errors import ArgumentError, ConfigError, DataError, DTypeError, ShapeError, StateError
from minigan.metrics.checks import require_finite, require_not_unit_range, require_pixels
from minigan.ops.checks import tensor_of
from minigan.ops.creation import as_tensor
from minigan.ops.joining import cat
from minigan.ops.softmax import softmax
from minigan.recording import no_grad
from minigan.serialization import load
from minigan.tensor import Tensor

FOLDER = Path(__file__).parent / "judge_files"

# A number measured by a judge means something beside numbers measured by the same one: hence no other file will do.
SHA256 = {
    "selection": "5942b27b750b8136cd6d5f89ae405dd26bcfbd79ed8db926d3211638d6af6202",
    "report": "33c2feb894691b6ecb26c4ff74dfaa9cb9eea364e9469d05c05ff0a21ba4025b",
}

DIGITS = 10
CHUNK = 500  # images at a time: what a layer makes of them takes at most 13 MB


class DigitNet(nn.Module):
    """The network of a judge: (N, 1, 28, 28) to the logits of ten digits, (N, 10); 118,602 parameters.

    Convolutions after LeCun et al. 1998 that get by without pooling after Springenberg et al. 2015, normalised after
    Ioffe and Szegedy 2015. Where BatchNorm adds a shift there is no bias; and it keeps every feature alive.

    Attributes:
        body: makes the 64 features, (N, 64).
        head: makes logits of them.

    >>> from minigan.metrics.judge import DigitNet
    >>> DigitNet()(mg.zeros(5, 1, 28, 28)).shape
    (5, 10)
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(),  # 32 x 12 x 12
            nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),  # 64 x 10 x 10
            nn.Conv2d(64, 48, 4, stride=2, bias=False), nn.BatchNorm2d(48), nn.ReLU(),  # 48 x 4 x 4
            nn.Flatten(), nn.Linear(48 * 4 * 4, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(64, DIGITS)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.head(self.body(x))  # type: ignore[no-any-return]


class JudgeOutputs(NamedTuple):
    """What a judge makes of images.

    Attributes:
        features: what the last layer sees, for Frechet distances: float32 (N, 64), none below 0.
        probabilities: of each digit, float32 (N, 10).
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """A trained classifier of digits, which says of images what they show.

    Images are float32 (N, 1, 28, 28), white ink 1 on black -1, as an array or a tensor; what it says are float32
    arrays on the host. It knows ten answers and no other: noise is a digit to it, too.

    Attributes:
        network: in evaluation mode; it works on the device it is moved to.
        accuracy: the share of MNIST's 10,000 test images that it names rightly, measured once after training.
        sha256: of the file that it came from; belongs beside every number that a judge gave.

    >>> judge = mg.metrics.load_judge("selection")
    >>> images, labels = mg.data.load_mnist("test")
    >>> p = judge.probabilities(mg.data.Loader(images[:20], batch_size=20).batch(0))
    >>> p.shape, bool((p.max(1) > 0.9).all())
    ((20, 10), True)
    """

    network: DigitNet
    accuracy: float
    sha256: str

    def probabilities(self, images: Any) -> NDArray[np.float32]:
        """How likely each image is to show each digit: (N, 10), with rows that add up to 1.

        Raises:
            ShapeError: the images are not (N, 1, 28, 28), with N of at least 1.
            DTypeError: they are not float32.
            RangeError: a pixel is NaN or outside [-1, 1], or all are from 0 to 1.
        """
        return self.outputs(images).probabilities

    def logits(self, images: Any) -> NDArray[np.float32]:
        """The logarithms of :meth:`probabilities`, up to a constant for each image: (N, 10); raises the same."""
        return outputs(self.network, images)

    def features(self, images: Any) -> NDArray[np.float32]:
        """What the logits are made of, for Frechet distances: (N, 64), none below 0; raises the same."""
        return outputs(self.network.body, images)

    def outputs(self, images: Any) -> JudgeOutputs:
        """Features and probabilities by one look at each image; raises the same."""
        features, head = self.features(images), self.network.head
        with no_grad():
            p: NDArray[np.float32] = softmax(head(as_tensor(features, device=head.weight.device)), 1).to("cpu").numpy()
        return JudgeOutputs(features, p)


def outputs(network: nn.Module, images: Any) -> NDArray[np.float32]:
    """What a network in evaluation mode makes of images, chunk by chunk, so that memory stays bounded.

    Raises:
        ShapeError, DTypeError, RangeError: see :meth:`Judge.probabilities`.
    """
    x = tensor_of("Judge", images)
    _check(x)
    device = next(network.parameters()).device
    with no_grad():
        y: NDArray[np.float32] = cat([network(part.to(device)) for part in x.split(CHUNK)]).to("cpu").numpy()
    return y


def _check(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[1:] != (1, 28, 28) or len(x) == 0:
        raise ShapeError(f"Judge: expected images (N, 1, 28, 28), but got {x.shape}. Reshape or resize them.")
    if x.dtype != np.float32:
        scaled = "(x / 127.5 - 1)" if x.dtype.kind in "ui" else "x"
        raise DTypeError(f"Judge: expected float32 from -1 to 1, but got {x.dtype}. Pass {scaled}.astype(np.float32).")
    require_finite("Judge", "images", x)
    require_pixels("Judge", x)
    require_not_unit_range("Judge", "images", x)


def load_judge(which: str = "selection") -> Judge:
    """One of the two judges that come with minigan.

    Args:
        which: ``"selection"``, to choose by, or ``"report"``, for what is told to others.

    Raises:
        ConfigError: there is no judge of this name.
        DataError: its file is missing, or is not the one that belongs to this version of minigan.

    >>> mg.metrics.load_judge("report").accuracy > 0.992
    True
    """
    if not isinstance(which, str) or which not in SHA256:
        raise ConfigError(f"There is no judge {which!r}; choose one of {', '.join(SHA256)}.")
    path = FOLDER / f"{which}.safetensors"
    found = _sha256_of(path, advice="Install minigan anew.")
    if found != SHA256[which]:
        raise DataError(
            f"{path} has the SHA-256 {found}, but this minigan's judge has {SHA256[which]}; install minigan anew."
        )
    return _read(path, found)


def read_judge(path: str | os.PathLike[str]) -> Judge:
    """A judge from a file that ``python -m minigan.metrics.train_judge`` wrote.

    Raises:
        DataError: the file cannot be read, or holds no judge, or one whose weights are NaN or infinite.
        RunError: it is no whole file of `minigan.save`.
        ArgumentError: this is no path.

    >>> from minigan.metrics.judge import FOLDER
    >>> mg.metrics.read_judge(FOLDER / "report.safetensors").sha256[:12]
    '33c2feb89469'
    """
    return _read(path, _sha256_of(path, advice="Check the path."))


def _read(path: str | os.PathLike[str], sha256: str) -> Judge:
    saved, network = load(path), DigitNet()
    try:
        network.load_state_dict(saved["network"])
        accuracy = float(saved["accuracy"])
    except (KeyError, TypeError, ValueError, StateError):
        raise DataError(f"{path} holds no judge; expected a file that minigan.metrics.train_judge wrote.") from None
    if not all(np.isfinite(weights).all() for weights in network.state_dict().values()):
        raise DataError(f"The judge {path} has weights that are NaN or infinite; train it anew.")
    network.requires_grad_(False).eval()
    return Judge(network, accuracy, sha256)


def _sha256_of(path: str | os.PathLike[str], advice: str) -> str:
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"read_judge: expected a path, but got {type(path).__name__}. Pass the name of a file.")
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"Cannot read the judge {path}: {error.strerror}. {advice}") from None
    except ValueError as error:  # a name that no file can have
        raise DataError(f"Cannot read the judge {path!r}: {error}. {advice}") from None
