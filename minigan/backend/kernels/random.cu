// Random numbers out of the words of a Philox stream, which are made in registers and never stored. The numbers are
// those of minigan/backend/base/random.py: masks and uniform numbers bit for bit, normals to within rounding.

constexpr int PER_WORD = 8 / sizeof(real);  // uniform numbers, each in [0, 1)

__device__ __forceinline__ void uniform(u64 word, real* u) {
    if constexpr (PER_WORD == 2) {
        u[0] = ((unsigned)word >> 8) * (real)0x1p-24;
        u[PER_WORD - 1] = ((unsigned)(word >> 32) >> 8) * (real)0x1p-24;
    } else {
        u[0] = (word >> 11) * (real)0x1p-53;
    }
}

// Two normals from two uniform numbers: Box and Muller 1958.
__device__ __forceinline__ void box_muller(real& a, real& b) {
    const real radius = sqrt(-2 * log(1 - a));
    real sine, cosine;
    sincospi(2 * b, &sine, &cosine);
    a = radius * cosine;
    b = radius * sine;
}

// Each thread makes one block of words into N numbers, those from N times its own number on.
template <int N, class F> __device__ __forceinline__ void draw(real* y, u64 n, const Stream& stream, F numbers_of) {
    const u64 first = N * thread_number();
    if (first >= n) return;
    const Four four = stream.block(thread_number());
    real number[N];
    numbers_of(four.word, number);
    if (first + N <= n) {
#pragma unroll
        for (int j = 0; j < N; j += WIDTH) {
            Pack pack;
#pragma unroll
            for (int k = 0; k < WIDTH; ++k) pack.at[k] = number[j + k];
            store(y, (first + j) / WIDTH, pack);
        }
    } else {
#pragma unroll
        for (int j = 0; j < N; ++j)
            if (first + j < n) y[first + j] = number[j];
    }
}

extern "C" __global__ void draw_uniform(real* y, u64 n, u64 seed, u64 purpose, u64 step, u64 site, const u64* start) {
    draw<4 * PER_WORD>(y, n, Stream{seed, purpose, step, site, start}, [](const u64* word, real* u) {
#pragma unroll
        for (int j = 0; j < 4; ++j) uniform(word[j], u + PER_WORD * j);
    });
}

extern "C" __global__ void draw_normal(real* y, u64 n, u64 seed, u64 purpose, u64 step, u64 site, const u64* start) {
    draw<4 * PER_WORD>(y, n, Stream{seed, purpose, step, site, start}, [](const u64* word, real* z) {
#pragma unroll
        for (int j = 0; j < 4; ++j) uniform(word[j], z + PER_WORD * j);
#pragma unroll
        for (int j = 0; j < 4 * PER_WORD; j += 2) box_muller(z[j], z[j + 1]);
    });
}

// Whether number j of 16 that a block decides about is kept: so many of 65536 are.
__device__ __forceinline__ bool is_kept(const u64* word, int j, unsigned threshold) {
    return (unsigned)(word[j / 4] >> 16 * (j % 4) & 0xffff) < threshold;
}

extern "C" __global__ void draw_mask(real* mask, u64 n, unsigned threshold, real scale, u64 seed, u64 purpose, u64 step,
                                     u64 site, const u64* start) {
    draw<16>(mask, n, Stream{seed, purpose, step, site, start}, [=](const u64* word, real* factor) {
#pragma unroll
        for (int j = 0; j < 16; ++j) factor[j] = is_kept(word, j, threshold) ? scale : 0;
    });
}
