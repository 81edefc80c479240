"""What moves a network in PyTorch: its optimizers and schedules, and from the papers what PyTorch does not have."""

from __future__ import annotations

import torch
from torch.optim import Optimizer, lr_scheduler


class Player:
    """A network, its optimizer, and a learning rate that may change from step to step."""

    def __init__(self, network, settings, rule, steps_per_epoch, steps):
        self.network = network
        self.settings = settings
        self.steps_per_epoch = steps_per_epoch
        self.optimizer = make_optimizer(network.parameters(), settings, rule)
        self.schedule = make_schedule(self.optimizer, settings, steps_per_epoch, steps)

    def begin(self, step):
        """Training mode, and the momentum of this step."""
        self.network.train()
        rising = self.settings.momentum_epochs * self.steps_per_epoch
        if self.settings.optimizer == "sgd" and rising:
            start, end = self.settings.momentum, self.settings.final_momentum
            for group in self.optimizer.param_groups:
                group["momentum"] = min(start + (end - start) * step / rising, end)

    def move(self, how="step"):
        """Along the gradients, by this method of the optimizer."""
        if self.settings.clip_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_grad_norm)
        getattr(self.optimizer, how)()

    def end(self):
        """The learning rate of the next step."""
        if self.schedule is not None:
            self.schedule.step()


def make_schedule(optimizer, s, steps_per_epoch, steps):
    floor = s.lr_min / s.lr
    match s.schedule:
        case "constant":
            return None
        case "step":
            return lr_scheduler.LambdaLR(optimizer, lambda k: max(s.lr_decay ** (k // steps_per_epoch), floor))
        case "exponential":
            return lr_scheduler.LambdaLR(optimizer, lambda k: max(s.lr_decay ** (k / steps_per_epoch), floor))
        case "linear":
            return lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=floor, total_iters=steps)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=s.lr_min)


def make_optimizer(parameters, s, rule):
    same = {"lr": s.lr, "weight_decay": s.weight_decay}
    match s.optimizer, rule:
        case "adam", "extragradient":
            return ExtraAdam(parameters, betas=s.betas, fused=True, **same)
        case "adam", "optimistic":
            return OptimisticAdam(parameters, betas=s.betas, **same)
        case "adam", _:
            return torch.optim.Adam(parameters, betas=s.betas, fused=True, **same)
        case "sgd", "extragradient":
            return ExtraSGD(parameters, fused=True, **same)
        case "sgd", "optimistic":
            return OptimisticSGD(parameters, **same)
        case "sgd", _:
            return torch.optim.SGD(parameters, momentum=s.momentum, fused=True, **same)
        case "rmsprop", _:
            return torch.optim.RMSprop(parameters, momentum=s.momentum, **same)


# ---- a step ahead, and then the step ---------------------------------------------------------------------------


class LookingAhead:
    """Gidel et al. 2019, algorithms 2 and 4: a step to w', and then from w a step along the gradient at w'.

    Before an optimizer among a class's bases. Both gradients go into its moments, so its t counts half steps.
    """

    @torch.no_grad()
    def extrapolate(self):
        self.starts = [[w.clone() for w in group["params"]] for group in self.param_groups]
        super().step()

    @torch.no_grad()
    def step(self):
        for group, starts in zip(self.param_groups, self.starts, strict=True):
            for w, start in zip(group["params"], starts, strict=True):
                if group["weight_decay"]:
                    w.grad += group["weight_decay"] * (w - start)  # the optimizer decays w, but the gradient is of w'
                w.copy_(start)
        super().step()


class ExtraSGD(LookingAhead, torch.optim.SGD):
    """Algorithm 2: w' = w - lr g(w), then w - lr g(w')."""


class ExtraAdam(LookingAhead, torch.optim.Adam):
    """Algorithm 4."""


# ---- optimism --------------------------------------------------------------------------------------------------


class OptimisticSGD(Optimizer):
    """Daskalakis et al. 2018, equation 5: w - 2 lr g_t + lr g_(t-1)."""

    def __init__(self, parameters, **settings):
        super().__init__(parameters, settings)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                memory = self.state[w]
                now = self.direction(w.grad + group["weight_decay"] * w, memory, group)
                w -= group["lr"] * (2 * now - memory.get("before", 0))
                memory["before"] = now.clone()

    def direction(self, g, memory, group):
        return g


class OptimisticAdam(OptimisticSGD):
    """Daskalakis et al. 2018, algorithm 1: in place of g what Kingma and Ba 2015, algorithm 1, subtract, over lr."""

    def direction(self, g, memory, group, eps=1e-8):
        beta1, beta2 = group["betas"]
        t = memory["t"] = memory.get("t", 0) + 1
        m = memory["m"] = beta1 * memory.get("m", 0) + (1 - beta1) * g
        v = memory["v"] = beta2 * memory.get("v", 0) + (1 - beta2) * g * g
        return m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + eps)
