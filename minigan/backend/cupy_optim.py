"""Optimizers on a GPU: a step over a whole flat buffer is one launch, which reads and writes each number once."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Number
from minigan.backend.base.optim import Optim
from minigan.backend.cupy_kernels import changing, in_memory_order, launch_each


class CupyOptim(Optim):
    """Adam and the moving average, whose numbers may lie in memory, as they must in a step that is captured."""

    def adam_(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        rate: Number,
        eps: Number,
        shrink: Number | None,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        views = in_memory_order(p, g, m, v)
        if views is None:
            super().adam_(p, g, m, v, rate=rate, eps=eps, shrink=shrink, betas=betas, weight_decay=weight_decay)
            return
        changed = [part for x in (rate, eps, 1.0 if shrink is None else shrink) for part in changing(x, p.dtype)]
        fixed = [p.dtype.type(x) for x in (*betas, *(1 - beta for beta in betas), weight_decay)]
        launch_each("adam", views, *changed, *fixed)

    def lerp_(self, x: Array, end: Array, weight: Number) -> None:
        views = in_memory_order(x, end)
        if views is None:
            super().lerp_(x, end, weight)
            return
        launch_each("lerp", views, *changing(weight, x.dtype))
