// Windows of images as the rows of a matrix, and back. In the matrix (N Ho Wo, kh kw C) a row is a window: its taps row
// by row, and the channels of each tap side by side. Blocks with the same number in y work on the same sample.

// See minigan/backend/window.py; each pair is (rows, columns).
struct Window {
    int kernel[2], stride[2], padding[2], dilation[2], inputs[2], outputs[2];

    __device__ __forceinline__ int taps() const { return kernel[0] * kernel[1]; }
    // Where output o looks with a tap, along dimension d; negative or too large in the padding.
    __device__ __forceinline__ int seen(int d, int o, int tap) const {
        return o * stride[d] + tap * dilation[d] - padding[d];
    }
    // Which output looks at input i with a tap, along dimension d; -1 if none does.
    __device__ __forceinline__ int seeing(int d, int i, int tap) const {
        const int there = i + padding[d] - tap * dilation[d];
        return there < 0 || there % stride[d] || there / stride[d] >= outputs[d] ? -1 : there / stride[d];
    }
};

#define WINDOW_NUMBERS \
    int kernel_h, int kernel_w, int stride_h, int stride_w, int padding_h, int padding_w, int dilation_h, \
        int dilation_w, int inputs_h, int inputs_w, int outputs_h, int outputs_w
#define WINDOW \
    Window { \
        {kernel_h, kernel_w}, {stride_h, stride_w}, {padding_h, padding_w}, {dilation_h, dilation_w}, \
            {inputs_h, inputs_w}, {outputs_h, outputs_w} \
    }

__device__ __forceinline__ unsigned sample_number() { return blockIdx.z * gridDim.y + blockIdx.y; }

// A thread copies `width` channels of one tap: WIDTH of them, if both sides allow, or 1. The steps of the image are
// counted in numbers: its channels may lie last or not.
extern "C" __global__ void im2col(real* matrix, const real* x, unsigned samples, unsigned width, unsigned channels,
                                  WINDOW_NUMBERS, long long step_n, long long step_c, long long step_h,
                                  long long step_w) {
    const Window window = WINDOW;
    const unsigned size = outputs_h * outputs_w * window.taps() * channels;
    const unsigned i = width * (blockIdx.x * blockDim.x + threadIdx.x), n = sample_number();
    if (i >= size || n >= samples) return;
    const unsigned c = i % channels, tap = i / channels % window.taps(), output = i / channels / window.taps();
    const int row = window.seen(0, output / outputs_w, tap / kernel_w);
    const int column = window.seen(1, output % outputs_w, tap % kernel_w);
    const bool is_inside = 0 <= row && row < inputs_h && 0 <= column && column < inputs_w;
    real* to = matrix + (u64)n * size + i;
    const real* from = x + n * step_n + c * step_c + row * step_h + column * step_w;
    if (width == 1) {
        *to = is_inside ? *from : 0;
    } else {
        store(to, 0, is_inside ? load(from, 0) : Pack{});
    }
}

// x (N, H, W, C): the sum of what all taps of all windows saw there, in the order of the taps. A thread makes `width`
// channels of it.
extern "C" __global__ void col2im(real* x, const real* matrix, unsigned samples, unsigned width, unsigned channels,
                                  WINDOW_NUMBERS) {
    const Window window = WINDOW;
    const unsigned size = inputs_h * inputs_w * channels;
    const unsigned i = width * (blockIdx.x * blockDim.x + threadIdx.x), n = sample_number();
    if (i >= size || n >= samples) return;
    const unsigned c = i % channels;
    const int row = i / channels / inputs_w, column = i / channels % inputs_w;
    Pack sum{};
    for (int tap = 0; tap < window.taps(); ++tap) {
        const int o_h = window.seeing(0, row, tap / kernel_w), o_w = window.seeing(1, column, tap % kernel_w);
        if (o_h < 0 || o_w < 0) continue;
        const u64 output = ((u64)n * outputs_h + o_h) * outputs_w + o_w;
        const real* from = matrix + (output * window.taps() + tap) * channels + c;
        if (width == 1) {
            sum.at[0] += *from;
        } else {
            const Pack part = load(from, 0);
#pragma unroll
            for (int j = 0; j < WIDTH; ++j) sum.at[j] += part.at[j];
        }
    }
    real* to = x + (u64)n * size + i;
    if (width == 1) {
        *to = sum.at[0];
    } else {
        store(to, 0, sum);
    }
}
