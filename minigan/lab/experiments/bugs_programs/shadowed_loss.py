"""Spot the bug: a loss function that is overwritten by its own result works once."""

import minigan as mg
from minigan import nn


def wrong(D: nn.Module, x: mg.Tensor, target: mg.Tensor, losses: list[float]) -> None:
    """One name for two things."""
    loss = nn.BCEWithLogitsLoss()
    for _ in range(3):
        loss = loss(D(x), target)  # type: ignore[assignment]
        losses.append(loss.item())


def mended(D: nn.Module, x: mg.Tensor, target: mg.Tensor, losses: list[float]) -> None:
    """A name for the function, and one for its value."""
    criterion = nn.BCEWithLogitsLoss()
    for _ in range(3):
        loss = criterion(D(x), target)
        losses.append(loss.item())


def main() -> None:
    """Run both."""
    for program in (wrong, mended):
        mg.manual_seed(0)
        losses: list[float] = []
        try:
            program(nn.Linear(3, 1), mg.randn(8, 3), mg.ones(8, 1), losses)
        except TypeError as error:
            print(f"step {len(losses)}: {error}")
        print(f"{program.__name__}: losses of {len(losses)} steps")


if __name__ == "__main__":
    main()
