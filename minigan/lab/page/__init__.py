"""Pages of the lab: what is on them, how it is drawn, and how it becomes one HTML file with its pictures."""

from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, YELLOW
from minigan.lab.page.contents import Check, Exhibit, Frame, Page, Panel, Section, Slider, Table, Text
from minigan.lab.page.drawing import HEIGHT, INK, SERIES, WIDTH, Canvas, Drawing, Mark, Overlaid, look, panel
from minigan.lab.page.marks import Dots, Heat, Label, Lines, Path, arrows, linestyle
from minigan.lab.page.numbers import listed, number, power

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "HEIGHT",
    "INK",
    "ORANGE",
    "PALE",
    "PURPLE",
    "SERIES",
    "SKY",
    "WIDTH",
    "YELLOW",
    "Canvas",
    "Check",
    "Dots",
    "Drawing",
    "Exhibit",
    "Frame",
    "Heat",
    "Label",
    "Lines",
    "Mark",
    "Overlaid",
    "Page",
    "Panel",
    "Path",
    "Section",
    "Slider",
    "Table",
    "Text",
    "arrows",
    "linestyle",
    "listed",
    "look",
    "number",
    "panel",
    "power",
]
