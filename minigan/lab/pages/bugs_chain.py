"""Mistake 8 on the page of `bugs`: the chain rule is a product of derivatives."""

from __future__ import annotations

import numpy as np

from minigan.lab.experiments.bugs import Chain
from minigan.lab.experiments.bugs_programs import chain_rule
from minigan.lab.page import (
    GREEN,
    GREY,
    INK,
    Canvas,
    Check,
    Drawing,
    Exhibit,
    Overlaid,
    Panel,
    Path,
    Section,
    Slider,
    Table,
    number,
    panel,
    power,
)
from minigan.lab.pages.bugs_drawing import program


def chain(found: Chain) -> Section:
    """A dependence, or a derivative."""
    return Section(
        "8. The chain rule is no dependence",
        [
            "<q>By the chain rule D's output depends on G's weights, so G can learn from D.</q> They do depend on each "
            "other, and that is not the chain rule. The chain rule says what the derivative of a composition is: "
            "(<var>D</var> ∘ <var>G</var>)′(<var>z</var>) = <var>D</var>′(<var>G</var>(<var>z</var>)) · "
            f"<var>G</var>′(<var>z</var>), a product of matrices. To run it: {program(chain_rule.chain)}."
        ],
        [_product(found), _table(found), _tangent(found)],
    )


def _product(found: Chain) -> Exhibit:
    caption = (
        "The Jacobian of each part at one z: how each of its outputs (rows) changes with each of its inputs (columns). "
        "Multiplied from D's output back to z they give the last matrix. That order is backpropagation: it begins with "
        "a single row, so every step is a row times a matrix. The row after D's last factor is the signal that D hands "
        "to G."
    )
    return Exhibit("The product, factor by factor", caption, [_matrices(found)])


def _table(found: Chain) -> Table:
    rows = [
        (
            step.name,
            _numbers(step.product),
            _numbers(step.differences),
            power(float(np.abs(step.product - step.differences).max())),
        )
        for step in found.steps
    ]
    return Table(
        "Number for number",
        ("back to the input of", "product of the Jacobians so far", "differences of the composition", "apart by"),
        rows,
        "Each row: the derivative of D's output by what this part takes, once as the product so far, once measured: "
        "(f(x + ε) − f(x − ε)) / (2ε) of all parts from here to the end. The row <q>D[0]</q> is all that D "
        "tells G: the signal at G's output.",
    )


def _tangent(found: Chain) -> Exhibit:
    caption = (
        "The curve is what <q>D's output depends on what goes into G</q> says: move z by t, and the output changes. "
        "The chain rule gives one number at each t: the slope of the green line, computed as the product of the "
        "Jacobians and not from the curve. Move the slider: the line touches the curve everywhere. G needs this "
        "number, with its sign, to know in which direction D's output rises."
    )
    panels = [Panel("chain-curve", _tangents(found), "D(G(z)) along a line, with its tangent"), _slopes(found)]
    slider = Slider("t", [number(t, ".1f") for t in found.places], int(np.argmin(np.abs(found.places))))
    return Exhibit("That they depend is the curve; the chain rule is the slope", caption, panels, [slider])


def _numbers(values: np.ndarray) -> str:
    return "<code>" + " ".join(number(value, "+.9f") for value in values) + "</code>"


def _matrices(found: Chain) -> Panel:
    """All factors and their product, with a number in each cell."""
    from matplotlib.figure import Figure

    factors = [(step.name, step.jacobian) for step in found.steps]
    factors.append(("product", found.steps[-1].product[np.newaxis]))
    widths = [jacobian.shape[1] for _, jacobian in factors]
    largest = max(np.abs(jacobian).max() for _, jacobian in factors)
    figure = Figure(figsize=(12, 2.5), layout="constrained")
    for ax, (name, jacobian) in zip(
        figure.subplots(1, len(factors), gridspec_kw={"width_ratios": widths}), factors, strict=True
    ):
        image = ax.imshow(jacobian, cmap="PuOr", vmin=-largest, vmax=largest)
        for (row, column), value in np.ndenumerate(jacobian):
            strong = abs(value) > 0.6 * largest
            color = "#ffffff" if strong else "#111111"
            ax.text(column, row, number(value, ".2f"), ha="center", va="center", size=9, color=color)
        ax.set(title=("= " if name == "product" else "· " if ax is not figure.axes[0] else "") + name)
        ax.set(xticks=[], yticks=[], xlabel=f"{jacobian.shape[0]} × {jacobian.shape[1]}")
        ax.grid(visible=False)
    figure.colorbar(image, ax=figure.axes, label="entry", shrink=0.8)
    return Panel("chain-matrices", [Drawing(figure)], "The Jacobians of six parts and their product", wide=True)


def _tangents(found: Chain) -> list[Overlaid]:
    span = np.ptp(found.values)
    figure, ax = panel(
        "D(G(z + t u)) and the product", "t", "D's output", xlim=(found.places[0], found.places[-1]),
        ylim=(found.values.min() - 0.15 * span, found.values.max() + 0.35 * span),
    )  # fmt: skip
    ax.plot(found.places, found.values, color=INK, label="the composition")
    ax.plot([], color=GREEN, label="slope: product of the Jacobians")
    ax.legend(loc="upper left")
    canvas = Canvas(figure, ax)
    reach = np.array([-1.5, 1.5])
    return [
        canvas.frame(
            [Path(np.stack([t + reach, y + slope * reach], 1), GREEN, 2.0), Path([[t, y]], GREEN, dot=4)]
        )
        for t, y, slope in zip(found.places, found.values, found.slopes, strict=True)
    ]  # fmt: skip


def _slopes(found: Chain) -> Panel:
    """The slopes by the chain rule, beside those of the curve itself."""
    figure, ax = panel("The slope, by product and by differences", "t", "slope of D's output")
    ax.plot(found.places, found.slopes, color=GREEN, linewidth=3, label="product of the Jacobians")
    measured = np.gradient(found.values, found.places)
    ax.plot(found.places[1:-1], measured[1:-1], "o", color=INK, markersize=2, label="differences of the curve")
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.legend(loc="best")
    return Panel("chain-slopes", [Drawing(figure)], "The slope by both ways: the same")


def checks(found: Chain) -> list[Check]:
    """Of this one."""
    apart = max(float(np.abs(step.product - step.differences).max()) for step in found.steps)
    weights = float(np.abs(found.by_backward - found.by_hand).max())
    return [
        Check("8: product of the Jacobians, from finite differences", 0.0, apart, 1e-8),
        Check("8: gradient of G's first weights, from the signal times z", 0.0, weights, 1e-15),
    ]
