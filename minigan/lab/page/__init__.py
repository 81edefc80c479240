"""Pages of the lab: what is on them, how it is drawn, and how it becomes one HTML file with its pictures."""

from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, YELLOW
from minigan.lab.page.contents import Check, Exhibit, Frame, Page, Panel, Section, Slider, Table, Text
from minigan.lab.page.drawing import HEIGHT, INK, SERIES, WIDTH, Canvas, Drawing, Overlaid, Path, linestyle, look, panel
from minigan.lab.page.numbers import number, power

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
    "Drawing",
    "Exhibit",
    "Frame",
    "Overlaid",
    "Page",
    "Panel",
    "Path",
    "Section",
    "Slider",
    "Table",
    "Text",
    "linestyle",
    "look",
    "number",
    "panel",
    "power",
]
