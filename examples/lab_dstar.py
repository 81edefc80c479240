"""What a discriminator measures: train D alone, with real samples N(0, 1) and fakes N(mu, 1).

    python examples/lab_dstar.py           a thousand steps for each distance
    python examples/lab_dstar.py --quick   fifty, to see that it runs

`minigan lab dstar` makes a page with sliders of the same numbers.
"""

import sys

from minigan import lab

data = lab.dstar(means=(0.5, 1.0, 2.0, 4.0, 8.0), steps=50 if "--quick" in sys.argv else 1000)

print("distance  V(D)     V*       JSD     critic's gap  pull on G: minimax  wasserstein")
for one in data.trained:
    if one.pair.std == 1:
        print(
            f"{one.pair.mean:<8g}  {one.values[-1]:.4f}  {one.value:.4f}  {one.jsd:.4f}  {one.gaps[-1]:<12.4f}  "
            f"{one.pull.minimax:<18.5f}  {one.pull.wasserstein:.3f}"
        )
