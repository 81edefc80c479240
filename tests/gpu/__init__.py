"""What can be checked of the GPU code on a machine without a GPU.

`host` compiles a kernel's source with g++ and runs it on the CPU; `nvrtc` compiles it for a GPU, without one;
`names` holds the calls in a source file to what the installed CuPy has.
"""
