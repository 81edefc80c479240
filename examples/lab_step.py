"""One training step, explained: the numbers that D hands to G, and a function of your own, followed through the tape.

    python examples/lab_step.py           a GAN of eleven numbers, one on MNIST, a function: some seconds
    python examples/lab_step.py --quick   the function alone

`minigan lab step` makes a page of it, on which a slider replays every operation forward and backward.
"""

import sys

from minigan import lab


def f(x=[[1.0, 2.0]], w=[[0.5], [0.3]]):  # noqa: B006
    """Its defaults are the tensors that it is called with."""
    return (x @ w).tanh().sum()


tape = lab.step(f).function.tape
for box in tape.boxes:
    print(f"{box.name:8} value {box.value.numbers.ravel()}  gradient {box.gradient.numbers.ravel()}")
print(f"the worst gradient is apart from a measured slope by {max(tape.errors):.0e} of its size")

if "--quick" not in sys.argv:
    step = lab.step()
    print(f"small GAN: D tells G {step.toy.measured['signal']:.6f}, by hand {step.toy.by_hand['signal']:.6f}")
    digits = step.digits
    print(f"digits: D's opinions of the fakes {digits.opinions[:3]}, sizes of the signal {digits.signal_sizes[:3]}")
    print(f"G's loss should change by {digits.slope_of_loss:.3f}; it changed by {digits.change_of_loss:.3f}")
