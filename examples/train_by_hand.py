"""The whole game in one page: the training loop of a GAN on MNIST, written out.

    python examples/train_by_hand.py           five epochs, about two minutes on two cores
    python examples/train_by_hand.py --quick   twenty steps, to see that it runs

`minigan train` does the same with a progress bar, pictures, checkpoints and better recipes.
"""

import sys

import minigan as mg
from minigan import nn
from minigan.data import Loader, load_mnist

mg.manual_seed(0)
images, _ = load_mnist()
loader = Loader(images, batch_size=128)

G = nn.Sequential(
    nn.Linear(100, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
    nn.Linear(256, 512), nn.BatchNorm1d(512), nn.LeakyReLU(0.2),
    nn.Linear(512, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)),
)  # fmt: skip
D = nn.Sequential(
    nn.Flatten(), nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3),
    nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(256, 1),
)  # fmt: skip
optimizer_G = mg.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_D = mg.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
one, zero = mg.ones(128, 1), mg.zeros(128, 1)

steps = 20 if "--quick" in sys.argv else 5 * len(loader)
for step in range(steps):
    mg.set_step(step)  # the random numbers of a step depend on its number alone
    real = mg.as_tensor(loader.batch(step))
    fake = G(mg.randn(128, 100))

    # D's turn: real images are 1, fakes are 0. detach() cuts the tape: G is not asked for gradients.
    loss_D = bce(D(real), one) + bce(D(fake.detach()), zero)
    optimizer_D.zero_grad()
    loss_D.backward()
    optimizer_D.step()

    # G's turn: make D say 1. Gradients pass through D down to the pixels, but D's weights take none.
    with D.frozen():
        loss_G = bce(D(fake), one)
        optimizer_G.zero_grad()
        loss_G.backward()
    optimizer_G.step()

    if step % 100 == 0 or step == steps - 1:
        print(f"step {step:5}  loss_D {loss_D.item():.3f}  loss_G {loss_G.item():.3f}")
