"""A convolutional GAN on MNIST after Radford, Metz and Chintala (2015), https://arxiv.org/abs/1511.06434.

    python examples/dcgan.py           one epoch; what G then draws is in dcgan.png
    python examples/dcgan.py --quick   ten steps, to see that it runs

The loop is that of train_by_hand.py. What is new are the networks, how they start, and the picture.
"""

import sys
from pathlib import Path

import minigan as mg
from minigan import nn
from minigan.data import Loader, load_mnist
from minigan.gan.pictures import grid, png

mg.manual_seed(0)
images, _ = load_mnist()
loader = Loader(images, batch_size=64)

# G unfolds 100 numbers into 128 small pictures of 7 x 7 and doubles their size twice; D goes the way back.
G = nn.Sequential(
    nn.Linear(100, 128 * 7 * 7), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
    nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
    nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Tanh(),
)  # fmt: skip
D = nn.Sequential(
    nn.Conv2d(1, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
    nn.Conv2d(64, 128, 4, stride=2, padding=1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(128 * 7 * 7, 1),
)  # fmt: skip
for net in (G, D):
    for parameter in net.parameters():
        if parameter.ndim > 1:  # a weight: the paper starts with small ones
            nn.init.normal_(parameter, std=0.02)

optimizer_G = mg.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_D = mg.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
one, zero = mg.ones(64, 1), mg.zeros(64, 1)

steps = 10 if "--quick" in sys.argv else len(loader)
for step in range(steps):
    mg.set_step(step)
    real = mg.as_tensor(loader.batch(step))
    fake = G(mg.randn(64, 100))

    # Real and fake images pass D apart: BatchNorm would let each see the other's mean.
    loss_D = bce(D(real), one) + bce(D(fake.detach()), zero)
    optimizer_D.zero_grad()
    loss_D.backward()
    optimizer_D.step()

    with D.frozen():
        loss_G = bce(D(fake), one)
        optimizer_G.zero_grad()
        loss_G.backward()
    optimizer_G.step()

    if step % 100 == 0 or step == steps - 1:
        print(f"step {step:4}  loss_D {loss_D.item():.3f}  loss_G {loss_G.item():.3f}")

G.eval()  # BatchNorm now takes the statistics that it has seen, so each image depends on its own numbers alone
with mg.no_grad():
    samples = G(mg.randn(64, 100))
Path("dcgan.png").write_bytes(png(grid(samples.numpy(), columns=16)))
