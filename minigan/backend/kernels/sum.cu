// Sums of all numbers, and of each channel.
//
// For channels the numbers are seen as (count / inner, channels, inner): images by rows have their pixels innermost,
// while images whose channels lie last, and plain rows, have an inner length of 1. A block works on `width` channels,
// neighbours in memory, and on one chunk of the values of each. Where there are several chunks, a second launch joins
// what they gave. So the order of all additions is fixed. Such a block has SUMMING threads.

// What one thread sums: values first, first + step, ... below end of channel c.
struct Share {
    unsigned channels, inner, c, first, end, step;

    __device__ Share(unsigned channels, unsigned inner, unsigned count, unsigned chunk, unsigned width)
        : channels(channels), inner(inner), c(blockIdx.x * width + threadIdx.x % width),
          first(blockIdx.y * chunk + threadIdx.x / width), end(min(blockIdx.y * chunk + chunk, count)),
          step(SUMMING / width) {
        if (c >= channels) first = end;
    }
    // Where value k of the channel lies.
    __device__ __forceinline__ u64 place(unsigned k) const {
        return inner == 1 ? (u64)k * channels + c : ((u64)(k / inner) * channels + c) * inner + k % inner;
    }
    // One result for this chunk of the channel, into (chunks, channels): one thread of those with this channel puts it.
    __device__ __forceinline__ void put(real* y, unsigned width, real result) const {
        if (threadIdx.x < width && c < channels) y[(u64)blockIdx.y * channels + c] = result;
    }
    // Two of them, into (2, chunks, channels).
    __device__ __forceinline__ void put(real* y, unsigned width, real one, real other) const {
        put(y, width, one);
        put(y + (u64)gridDim.y * channels, width, other);
    }
};

// The sum of each chunk of each channel.
extern "C" __global__ void chunk_sums(real* y, const real* x, unsigned channels, unsigned inner, unsigned count,
                                      unsigned chunk, unsigned width) {
    const Share my(channels, inner, count, chunk, width);
    real sum = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) sum += x[my.place(k)];
    my.put(y, width, block_sum<SUMMING>(sum, width));
}

// y (channels) from what the chunks gave, (chunks, channels).
extern "C" __global__ void join_sums(real* y, const real* parts, unsigned channels, unsigned chunks, unsigned width) {
    const Share my(channels, 1, chunks, chunks, width);
    real sum = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) sum += parts[my.place(k)];
    my.put(y, width, block_sum<SUMMING>(sum, width));
}

// The sum of all numbers over a divisor, by one block.
extern "C" __global__ void sum_of_all(real* y, const real* x, u64 n, real divisor) {
    real sum = 0;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    sum = block_sum<1024>(sum);
    if (threadIdx.x == 0) *y = sum / divisor;
}
