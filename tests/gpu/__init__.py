"""What can be checked of the GPU code on a machine without a GPU, and the same tests for a machine with one.

`strict` plays CuPy on the CPU and refuses what CuPy refuses, by the list of names that `api` keeps; `machine` is the
hardware below it, and `fake_cublas` the library for matrix products. `host` compiles the kernels' source with g++ and
runs them on the CPU; `nvrtc` compiles them for a GPU, without one; `names` holds the calls in a source file to what
CuPy has. The fixture ``gpu`` gives a test the double, or with ``pytest -m gpu`` a real GPU.
"""
