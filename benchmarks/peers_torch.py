"""PyTorch's sides of peers.py: the step as most people write it, as it is written best, compiled, and as a CUDA graph.

This process knows nothing of minigan: networks, weights and data come in a file (`works.Task`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from peers_worker import LeftOutError, Library, Losses, Setting, Step, first_line, serve
from works import PYTORCH_BEST, PYTORCH_COMPILED, PYTORCH_EAGER, PYTORCH_FUSED, PYTORCH_GRAPHS, Layer, Task

try:
    import torch
    from torch import Tensor, nn
except ImportError:  # said by `prepare`
    torch = None  # type: ignore[assignment]


class Training:
    """What a step needs: networks, optimizers, batches, random numbers.

    Args:
        task: what to train.
        device: where.
        replayed: take z and eps from the task in place of drawing them.
        adam: keywords of the optimizers.
    """

    def __init__(self, task: Task, device: str, replayed: bool, **adam: Any) -> None:
        self.task = task
        self.device = device
        self.G = network(task.G, task.weights_G).to(device)
        self.D = network(task.D, task.weights_D).to(device)
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=task.lr_G, betas=task.betas_G, **adam)
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=task.lr_D, betas=task.betas_D, **adam)
        self.samples = torch.from_numpy(task.samples).to(device)
        self.order = torch.from_numpy(task.order).to(device)
        self.chosen = torch.empty_like(self.order[: task.d_steps])
        self.draws = Replayed(task, device) if replayed else Draws(task, device)
        self.bce = nn.BCELoss() if task.loss == "probability" else nn.BCEWithLogitsLoss()

    def begin(self, k: int) -> None:
        """Choose the samples of step k; into the same tensor each time, as a CUDA graph needs it."""
        d_steps = self.task.d_steps
        for i, row in enumerate(self.chosen, k * d_steps):
            row.copy_(self.order[i % len(self.order)])
        self.draws.begin(k)

    def batch(self, i: int) -> Tensor:
        """The real samples of D's move number i."""
        x = self.samples[self.chosen[i]]
        return x.float().sub_(127.5).div_(127.5) if x.dtype == torch.uint8 else x

    def loss_D(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """What D pays, but for penalties."""
        if self.task.loss == "wasserstein":
            return on_fake.mean() - on_real.mean()
        return self.bce(on_real, torch.ones_like(on_real)) + self.bce(on_fake, torch.zeros_like(on_fake))

    def loss_G(self, on_fake: Tensor) -> Tensor:
        """What G pays."""
        return -on_fake.mean() if self.task.loss == "wasserstein" else self.bce(on_fake, torch.ones_like(on_fake))

    def r1(self, on_real: Tensor, real: Tensor) -> Tensor:
        """Mescheder, Geiger and Nowozin 2018, equation 9."""
        return self.task.r1_gamma / 2 * slope(on_real, real).square().sum(1).mean()

    def between(self, real: Tensor, fake: Tensor) -> Tensor:
        """The points at which the gradient penalty looks, which ask for a gradient."""
        eps = self.draws.eps(real)
        return (eps * real + (1 - eps) * fake).requires_grad_()

    def gradient_penalty(self, between: Tensor) -> Tensor:
        """Gulrajani et al. 2017, algorithm 1."""
        return self.task.gradient_penalty * (slope(self.D(between), between).norm(dim=1) - 1).square().mean()


def slope(outputs: Tensor, x: Tensor) -> Tensor:
    """The gradient of D's output on each sample with respect to that sample, as one row each."""
    (gx,) = torch.autograd.grad(outputs.sum(), x, create_graph=True)
    return gx.flatten(1)


def network(layers: list[Layer], weights: list[Any]) -> nn.Sequential:
    """A network with these weights, which are in the order of its state_dict."""
    made = nn.Sequential(*(getattr(nn, name)(*arguments) for name, *arguments in layers))
    made.load_state_dict(dict(zip(made.state_dict(), map(torch.from_numpy, weights), strict=True)))
    return made


class Draws:
    """Random numbers: PyTorch's own."""

    def __init__(self, task: Task, device: str) -> None:
        self.task = task
        self.device = device

    def begin(self, k: int) -> None:
        """Get ready for step k."""

    def z(self) -> Tensor:
        """For a batch of fakes."""
        return torch.randn(self.task.batch_size, self.task.z_dim, device=self.device)

    def eps(self, real: Tensor) -> Tensor:
        """One number for each sample, of WGAN-GP."""
        return torch.rand(len(real), *[1] * (real.ndim - 1), device=self.device)


class Replayed(Draws):
    """Random numbers: minigan's; each step finds its own in the same tensors."""

    def __init__(self, task: Task, device: str) -> None:
        super().__init__(task, device)
        self.all = {"z": torch.from_numpy(task.z).to(device), "eps": torch.from_numpy(task.eps).to(device)}
        self.now = {kind: torch.empty_like(drawn[0]) for kind, drawn in self.all.items() if len(drawn)}

    def begin(self, k: int) -> None:
        """Put those of step k in place."""
        for kind, numbers in self.now.items():
            numbers.copy_(self.all[kind][k])
        self.left = {kind: iter(numbers) for kind, numbers in self.now.items()}

    def z(self) -> Tensor:
        """The next of this step."""
        return next(self.left["z"])

    def eps(self, real: Tensor) -> Tensor:
        """The next of this step."""
        return next(self.left["eps"])


# ---- the step, as most people write it -----------------------------------------------------------------------


def eager_step(task: Task, device: str, replayed: bool, **adam: Any) -> Step:
    """D is asked twice in its own turn, and computes all of its gradients in G's turn, too."""
    t = Training(task, device, replayed, **adam)

    def step(k: int) -> Losses:
        t.begin(k)
        for i in range(task.d_steps):
            real, fake = t.batch(i), t.G(t.draws.z())
            t.optimizer_D.zero_grad()
            if task.r1_gamma:
                real.requires_grad_()
            on_real, on_fake = t.D(real), t.D(fake.detach())
            cost = loss_D = t.loss_D(on_real, on_fake)
            if task.r1_gamma:
                cost = cost + t.r1(on_real, real)
            if task.gradient_penalty:
                cost = cost + t.gradient_penalty(t.between(real, fake.detach()))
            cost.backward()
            t.optimizer_D.step()
        if task.fresh_z:
            fake = t.G(t.draws.z())
        t.optimizer_G.zero_grad()
        loss_G = t.loss_G(t.D(fake))
        loss_G.backward()
        t.optimizer_G.step()
        return loss_D.detach(), loss_G.detach()

    return step


def fused_step(task: Task, device: str, replayed: bool) -> Step:
    """The same with the fused Adam."""
    return eager_step(task, device, replayed, fused=True)


# ---- the step, written best ----------------------------------------------------------------------------------


def best_step(task: Task, device: str, replayed: bool) -> Step:
    """Real and fake in one pass through D, which is frozen in G's turn; no graph through G where nobody needs it."""
    t = Training(task, device, replayed, fused=True)
    play = best(t)

    def step(k: int) -> Losses:
        t.begin(k)
        return play()

    return step


def best(t: Training, compiled: Callable[[Any], Any] = lambda f: f) -> Callable[[], Losses]:
    """The step on the samples that are chosen; its functions compiled, if they are to be."""
    task = t.task

    def cost_D(real: Tensor, fake: Tensor, between: Tensor | None) -> tuple[Tensor, Tensor]:
        if task.r1_gamma:  # in one pass, the slope at real samples would be sought through the fakes, too
            on_real, on_fake = t.D(real), t.D(fake)
        else:
            on_real, on_fake = t.D(torch.cat([real, fake])).split(task.batch_size)
        cost = loss = t.loss_D(on_real, on_fake)
        if task.r1_gamma:
            cost = cost + t.r1(on_real, real)
        if between is not None:
            cost = cost + t.gradient_penalty(between)
        return cost, loss.detach()

    def cost_G(fake: Tensor) -> Tensor:
        return t.loss_G(t.D(fake))

    G, cost_D, cost_G = compiled(t.G), compiled(cost_D), compiled(cost_G)

    def play() -> Losses:
        for i in range(task.d_steps):
            is_played_on = i == task.d_steps - 1 and not task.fresh_z
            with torch.set_grad_enabled(is_played_on):
                fake = G(t.draws.z())
            real, fake_for_D = t.batch(i).requires_grad_(task.r1_gamma > 0), fake.detach()
            between = t.between(real, fake_for_D) if task.gradient_penalty else None
            t.optimizer_D.zero_grad()
            cost, loss_D = cost_D(real, fake_for_D, between)
            cost.backward()
            t.optimizer_D.step()
        if task.fresh_z:
            fake = G(t.draws.z())
        t.D.requires_grad_(False)
        t.optimizer_G.zero_grad()
        loss_G = cost_G(fake)
        loss_G.backward()
        t.optimizer_G.step()
        t.D.requires_grad_(True)
        return loss_D, loss_G.detach()

    return play


def compiled_step(task: Task, device: str, replayed: bool) -> Step:
    """The same, compiled."""
    torch._dynamo.reset()  # what was compiled for other works counts against the limit of this one
    with contextlib.suppress(AttributeError):  # of older versions, which cannot compile penalties
        torch._dynamo.config.trace_autograd_ops = True
    t = Training(task, device, replayed, fused=True)
    play = best(t, torch.compile)

    def step(k: int) -> Losses:
        t.begin(k)
        try:
            return play()
        except (RuntimeError, NotImplementedError) as error:  # of no compiler, or of a double backward
            raise LeftOutError(f"torch.compile: {first_line(error)}") from error

    return step


# ---- the step as one CUDA graph ------------------------------------------------------------------------------


def graph_step(task: Task, device: str, replayed: bool) -> Step:
    """The same, captured as a whole, as the documentation of `torch.cuda.CUDAGraph` has it."""
    if device != "cuda":
        raise LeftOutError("CUDA graphs are for GPUs")
    t = Training(task, device, replayed, fused=True, capturable=True)
    play = best(t)
    start = [tensor.clone() for tensor in weights(t)]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # libraries and optimizers allocate in their first steps
        for _ in range(3):
            t.begin(0)
            play()
    torch.cuda.current_stream().wait_stream(aside)
    go_back(t, start)
    graph = torch.cuda.CUDAGraph()
    t.begin(0)
    t.optimizer_D.zero_grad()
    t.optimizer_G.zero_grad()
    with torch.cuda.graph(graph):
        losses = play()

    def step(k: int) -> Losses:
        t.begin(k)
        graph.replay()
        return losses

    return step


def weights(t: Training) -> list[Tensor]:
    """All that the networks hold."""
    return [*t.G.state_dict().values(), *t.D.state_dict().values()]


@torch.no_grad() if torch else lambda f: f
def go_back(t: Training, start: list[Tensor]) -> None:
    """To the weights of the start and fresh optimizers, in the same memory."""
    for tensor, before in zip(weights(t), start, strict=True):
        tensor.copy_(before)
    for optimizer in (t.optimizer_G, t.optimizer_D):
        for state in optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()


# ---- the library ---------------------------------------------------------------------------------------------


def prepare(setting: Setting) -> None:
    """Threads, precision, convolutions."""
    if torch is None:
        raise LeftOutError("PyTorch is not installed: pip install torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if setting.device == "cuda":
        if not torch.cuda.is_available():
            raise LeftOutError("this PyTorch finds no GPU")
        torch.cuda.synchronize()  # which begins with all that takes seconds
        torch.backends.cudnn.benchmark = True  # batches are of one size: convolutions are tried once, as is usual then
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setting.tf32


def wait(losses: Losses, device: str) -> None:
    """Until the GPU is done."""
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    sides = {
        PYTORCH_EAGER: eager_step,
        PYTORCH_FUSED: fused_step,
        PYTORCH_BEST: best_step,
        PYTORCH_COMPILED: compiled_step,
        PYTORCH_GRAPHS: graph_step,
    }
    serve(Library(sides, prepare, wait))
