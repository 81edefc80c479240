"""Where does the gradient get lost? Layer by layer from D's logit to G's first layer, for eleven settings.

    python examples/lab_flow.py           a hundred steps each, about half a minute
    python examples/lab_flow.py --quick   five steps each

`minigan lab flow` takes more steps, and writes a page.
"""

import sys

from minigan import lab

data = lab.flow(steps=5 if "--quick" in sys.argv else 100, points=5)

print(f"the signal in step {data.steps[-1]} of {data.preset}: how long a sample's gradient is")
print(f"{'':<18}{'D logit':>10}{'pixels':>10}{'G 1':>10}{'update/weight of G 1':>24}")
for name, training in data.trainings.items():
    signal = training.signal[-1, -1], training.at_fake[-1], training.signal[0, -1]
    ratio = training.update[0, -1] / training.weight[0, -1]
    print(f"{name:<18}" + "".join(f"{length:>10.1e}" for length in signal) + f"{ratio:>24.1e}")
