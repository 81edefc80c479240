"""One checkpoint, two futures: what does one setting do, and how much of it is chance?

    python examples/lab_fork.py           600 steps of each future, about a quarter of a minute
    python examples/lab_fork.py --quick   five steps of each

`minigan lab fork RUN --set KEY=VALUE` writes the page of two futures of your own run.
"""

import sys

from minigan import lab

found = lab.fork(set="generator.betas=[0.9, 0.999]", steps=5 if "--quick" in sys.argv else 600)

print(f"after step {found.step}: {found.setting} at {found.after} in place of {found.before}")
for name, future in found.futures.items():
    quality = 100 * future.modes[-1].high_quality
    print(f"{name:<10} {quality:3.0f}% of high quality, G's weights {future.apart_G[-1]:.2g} from those as it was")
print(f"numbers that differ although nothing was changed: {found.unequal}")
