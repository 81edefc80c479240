"""What the axes of the experiments dstar and saturation have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.page import GREY, INK


def steps_axis(axes: Any, last: int) -> None:
    """Steps from 0 on, the first ones far apart as on a logarithmic scale."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    axes.set_xlim(0, last * 1.25)
    ticks = [0, *(10**power for power in range(len(str(last))))]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()


def legend(figure: Any, axes: Any, names: dict[str, str], columns: int | None = None) -> None:
    """Above the axes: what each colour is, grey being the broad line below, and ink a dashed one."""
    for name, color in names.items():
        width, style = {GREY: (4.0, "-"), INK: (1.2, "--")}.get(color, (1.5, "-"))
        axes.plot([], [], style, color=color, label=name, linewidth=width)
    figure.legend(loc="outside upper right", ncols=columns or len(names), columnspacing=1.2, handlelength=1.5)


def plain_log_ticks(axes: Any) -> None:
    """0.001 in place of a power of ten, up and down a logarithmic axis."""
    axes.yaxis.set_major_formatter("{x:g}")
