"""Popular mistakes and their mends, side by side: what `minigan lab bugs` draws, as numbers.

python examples/lab_bugs.py           the mistakes that numbers show, from three seeds
python examples/lab_bugs.py --quick   from one
"""

import sys

from minigan import lab

for seed in range(1 if "--quick" in sys.argv else 3):
    found = lab.bugs(seed=seed)
    twice, clipped = found.sigmoid_twice.seen, found.clipping
    print(f"seed {seed}                      wrong    mended")
    print(f"  1 D(x), two sigmoids     {twice.wrong.D_x[-1]:7.3f}   {twice.mended.D_x[-1]:7.3f}")
    outside = found.no_probabilities.seen
    print(f"  2 samples without slope  {outside.wrong[0].saturated[-1]:7.0%}   {outside.mended[0].saturated[-1]:7.0%}")
    print(f"  3 distance from the goal {found.decay.wrong.distance[-1]:7.3f}   {found.decay.mended.distance[-1]:7.3f}")
    game = found.swapped.seen
    print(f"  4 G, with data at {found.swapped.data:g}      {game.wrong.theta[-1]:7.3f}   {game.mended.theta[-1]:7.3f}")
    named = found.name_only.seen
    print(f"  5 G after 30 steps       {named.wrong.theta[30]:7.3f}   {named.mended.theta[30]:7.3f}")
    print(f"  6 estimated distance     {clipped.wrong.estimate[-1]:7.1f}   {clipped.mended.estimate[-1]:7.3f}")
    fakes = len(found.shape.wrong.fakes[-1]), len(found.shape.mended.fakes[-1])
    print(f"  7 fakes in a batch       {fakes[0]:7d}   {fakes[1]:7d}")
    by_backward, by_hand = found.chain.by_backward, found.chain.by_hand
    print(f"  8 the chain rule by hand is apart from backward by {abs(by_backward - by_hand).max():.0e}")
