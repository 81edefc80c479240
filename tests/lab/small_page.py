"""A page with one of each: drawings, frames of a canvas, texts, two sliders, a table and checks."""

import numpy as np

from minigan.lab.page import (
    BLUE,
    PALE,
    Canvas,
    Check,
    Drawing,
    Exhibit,
    Page,
    Panel,
    Path,
    Section,
    Slider,
    Table,
    Text,
    look,
    panel,
)

TURN = np.linspace(0, 6, 50)


def spiral(decay):
    return np.stack([np.cos(TURN), np.sin(TURN)], 1) * np.exp(-decay * TURN)[:, None]


def page():
    with look():
        curve, axes = panel("radius", "step", "r")
        axes.plot(TURN, color=BLUE, label="measured")
        axes.legend()
        plane, ground = panel("the plane", "theta", "psi", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
        ground.axhline(0, color=PALE)
    canvas = Canvas(plane, ground)
    spirals = [canvas.frame([Path(spiral(decay), BLUE, dot=3)]) for decay in (0.0, 0.2)]
    texts = [Text(f"<p>position {i}</p>") for i in range(6)]
    panels = [
        Panel("curve", [Drawing(curve)], "the radius"),
        Panel("spirals", [spirals[i % 2] for i in range(6)], "spirals", film=True),
        Panel("words", texts),
    ]
    sliders = [Slider("gamma", ["0", "0.1", "1 < 2"], start=1), Slider("h", ["small", "large"])]
    exhibit = Exhibit("Spirals", "Look at the spirals.", panels, sliders)
    table = Table("Numbers", ["what", "how much"], [["pi", 3.14159265], ["one", 1]], "All of them.")
    checks = [Check("pi", 3.0, 3.14, 0.05, relative=True), Check("two", 2.0, 2.5, 0.1)]
    return Page("A page", "What it is <var>about</var>.", [Section("First", ["Words."], [exhibit, table])], checks)
