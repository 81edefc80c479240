// Words of memory, out of as many arguments: what the host writes for a captured step before it launches it.
extern "C" __global__ void write_words(u64* y, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, u64 x6, u64 x7, u64 x8,
                                       u64 x9, u64 x10, u64 x11, u64 x12, u64 x13, u64 x14, u64 x15) {
    const u64 x[] = {x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15};
    y[threadIdx.x] = x[threadIdx.x];
}
