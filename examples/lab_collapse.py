"""Which games forget modes: learning rates of both players compared, as numbers; `minigan lab collapse` draws them.

python examples/lab_collapse.py           four seeds of each setting, about a minute
python examples/lab_collapse.py --quick   one seed and few steps, to see that it runs
"""

import sys

from minigan import lab

quick = "--quick" in sys.argv
found = lab.collapse(steps=60, repeats=1) if quick else lab.collapse()
print(f"modes held at once, of {len(found.centres)}, by seed")
for row in found.rates:
    for setting in row:
        held = "  ".join(f"{run.at_last:4.1f}" for run in found.of(setting))
        print(f"lr of G {setting.lr_G:<8g} of D {setting.lr_D:<8g} {held}")
