// What the other files build on: they are compiled together, once for REAL float and once for REAL double.

typedef REAL real;
typedef unsigned long long u64;

__device__ __forceinline__ u64 thread_number() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

// A number that changes from step to step: in memory, where a replayed graph finds the new one, or else an argument.
__device__ __forceinline__ real number(real value, const real* in_memory) { return in_memory ? *in_memory : value; }

// ---- 16 bytes at a time ------------------------------------------------------------------------------------

constexpr int WIDTH = 16 / sizeof(real);

// What one load or store moves: WIDTH numbers whose first lies on a boundary of 16 bytes.
struct alignas(16) Pack {
    real at[WIDTH];
};

__device__ __forceinline__ Pack load(const real* x, u64 i) { return reinterpret_cast<const Pack*>(x)[i]; }
__device__ __forceinline__ void store(real* x, u64 i, const Pack& pack) { reinterpret_cast<Pack*>(x)[i] = pack; }
__device__ __forceinline__ void store(const real*, u64, const Pack&) {}

template <class F, class... P> __device__ __forceinline__ void of_packs(F f, P&... pack) {
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) f(pack.at[j]...);
}

// f(x[i]...) for each i below n. f takes inputs by value and outputs, which come as arrays that are not const, by
// reference. One thread each for the first `packs` packs, and one for each of the numbers that are left over.
template <class F, class... X> __device__ __forceinline__ void each(u64 n, u64 packs, F f, X*... x) {
    const u64 i = thread_number();
    if (i < packs) {
        auto run = [&](auto... pack) {
            of_packs(f, pack...);
            (store(x, i, pack), ...);
        };
        run(load(x, i)...);
    } else {
        const u64 j = i + (WIDTH - 1) * packs;
        if (j < n) f(x[j]...);
    }
}

// ---- sums over a block -------------------------------------------------------------------------------------

// The sum of a number of each thread, in a fixed order; every thread gets it. A block has at most MOST threads, a power
// of two. With a width W, another one: the sum over the threads whose numbers are equal modulo W.
template <int MOST> __device__ __forceinline__ real block_sum(real x, unsigned width = 1) {
    __shared__ real sums[MOST];
    __syncthreads();  // whoever still reads what an earlier call left
    sums[threadIdx.x] = x;
    for (unsigned half = blockDim.x / 2; half >= width; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
    return sums[threadIdx.x % width];
}
