// Words of memory, out of as many arguments: what the host writes for a captured step before it launches it.
// One thread writes all: to choose an argument by the number of a thread would take a stack.
extern "C" __global__ void write_words(u64* y, u64 x0, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, u64 x6, u64 x7, u64 x8,
                                       u64 x9, u64 x10, u64 x11, u64 x12, u64 x13, u64 x14, u64 x15) {
    y[0] = x0, y[1] = x1, y[2] = x2, y[3] = x3, y[4] = x4, y[5] = x5, y[6] = x6, y[7] = x7;
    y[8] = x8, y[9] = x9, y[10] = x10, y[11] = x11, y[12] = x12, y[13] = x13, y[14] = x14, y[15] = x15;
}
