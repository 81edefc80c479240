// A batch out of images that lie on the device as bytes.

struct alignas(WIDTH) Bytes {
    unsigned char at[WIDTH];
};

// From 0..255 to [-1, 1] with a single rounding, see minigan/data/loader.py.
__device__ __forceinline__ real pixel(unsigned char byte) { return (byte - (real)127.5) / (real)127.5; }

// Where pixel i of the batch lies. Indices out of range wrap around, as CuPy's do.
__device__ __forceinline__ u64 source(u64 i, const long long* indices, long long images, u64 size) {
    long long image = indices[i / size];
    if (image < 0 || image >= images) image = (image % images + images) % images;
    return image * size + i % size;
}

// y = images[indices] for images of `size` bytes and n numbers in all; a thread makes WIDTH of them if `packed`, which
// takes a size that WIDTH divides, else one.
extern "C" __global__ void gather_pixels(real* y, const unsigned char* bytes, const long long* indices,
                                         long long images, u64 size, u64 n, unsigned packed) {
    const u64 i = thread_number() * (packed ? WIDTH : 1);
    if (i >= n) return;
    const unsigned char* from = bytes + source(i, indices, images, size);
    if (packed) {
        const Bytes some = *reinterpret_cast<const Bytes*>(from);
        Pack pack;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) pack.at[j] = pixel(some.at[j]);
        store(y, i / WIDTH, pack);
    } else {
        y[i] = pixel(*from);
    }
}
