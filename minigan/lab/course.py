"""The experiments of the lab, in the order in which docs/course.md leads through them: from one step to the theory."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from minigan.lab.page.contents import Page
from minigan.lab.page.drawing import look


class Experiment(NamedTuple):
    """One experiment.

    Attributes:
        name: of the command, of the function that runs it, and of the modules that hold it and its page.
        about: what it shows, in one line.
    """

    name: str
    about: str

    @property
    def run(self) -> Callable[..., Any]:
        """The function; its parameters are the options of the command."""
        function: Callable[..., Any] = getattr(import_module(f"minigan.lab.experiments.{self.name}"), self.name)
        return function

    def page(self, data: Any) -> Page:
        """What the function returned, as a page."""
        with look():
            made: Page = import_module(f"minigan.lab.pages.{self.name}").page(data)
        return made


_COURSE = (
    Experiment("step", "one training step, node by node: which numbers D hands to G, and why those"),
    Experiment("dstar", "train D alone: it measures how far apart two distributions are"),
    Experiment("saturation", "two losses for G from the same state: which one still learns when D is sure"),
    Experiment("ring", "eight Gaussians in the plane: D as a landscape, and where it sends each fake"),
    Experiment("collapse", "when G forgets modes: losses, steps, learning rates and packing compared"),
    Experiment("flow", "gradients layer by layer through a training on MNIST"),
    Experiment("bugs", "the mistakes that tutorials make, what they look like, and the mend"),
    Experiment("fork", "one checkpoint, two futures that differ in one setting"),
    Experiment("doctor", "what is wrong with a run, with the evidence"),
    Experiment("dirac", "the smallest GAN: two numbers that turn around each other, and what makes them converge"),
    Experiment("spectrum", "eigenvalues of the game: rotation against attraction"),
)

EXPERIMENTS = {experiment.name: experiment for experiment in _COURSE}
