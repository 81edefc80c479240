"""How fast a training step is: what `minigan bench` measures.

A step is all that `minigan train` does for one, and it is `minigan.gan.Trainer` that makes it: it gathers the batch,
draws noise and dropout, moves both players and their optimizers, and reads the report every 50 steps. Nothing is saved.
What is found is on the disk after each point (`report`); the plots come last.

- Two modes, eager and captured, each a training of its own, take turns (`measure`). Before, each has made all kinds of
  its steps, so that kernels are compiled, steps captured and memory taken. A turn is a block of steps of a tenth of a
  second, or of one step if that takes longer, after some that are not timed. The clock is read before and after each
  block, on a GPU when it has done all it was asked for. What counts is the median of the blocks, at least five; the
  spread goes from what a tenth of them undercut to what a tenth exceed.
- Penalties that are due on some steps only make these longer: blocks are whole periods of them.
- FLOPs and bytes follow from the shapes of what each kernel gets and gives (`minigan.observers.costs`). The limits of
  the device are measured (`minigan.roofline`). The share is the time that all kernels would take at these limits, over
  the time measured. 100 % cannot be had: small matrix products are slower than large ones, and kernels that do much for
  each byte, such as random numbers, are counted as copies.
- The time of each kernel is that in an eager step (`kernels`), the median over steps of their own that take turns with
  the blocks. On a GPU the time of a kernel goes from one event to another, and so includes that the GPU waits for small
  kernels to be launched. The time outside of kernels is what they leave of the median of the blocks, in which nobody
  looks at kernels: to do so takes longer than a small kernel itself.
- Peak memory is the most that a training holds in its steps after the first ones, besides Python, the libraries and
  the data set (`memory`): weights, gradients, moments, and all that a step takes meanwhile. On the CPU that is what
  NumPy and Python allocate, so that a captured step counts with the list of its calls, some thousand small objects; on
  a GPU what CuPy's pool and the graphs have taken when the data set is there. So one process measures all of it, and
  the number does not depend on what was measured before. A process's own peak is some 100 MB more.
"""
