// Activations and their gradients, element by element.

// 1 / (1 + e^-x), which overflows nowhere and keeps small results.
__device__ __forceinline__ real sigmoid(real x) {
    const real e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

extern "C" __global__ void sigmoid_forward(real* y, const real* x, u64 n, u64 packs) {
    each(n, packs, [](real& y, real x) { y = sigmoid(x); }, y, x);
}

extern "C" __global__ void sigmoid_backward(real* gx, const real* gy, const real* y, u64 n, u64 packs) {
    each(n, packs, [](real& gx, real gy, real y) { gx = gy * (y * (1 - y)); }, gx, gy, y);
}

extern "C" __global__ void tanh_forward(real* y, const real* x, u64 n, u64 packs) {
    each(n, packs, [](real& y, real x) { y = tanh(x); }, y, x);
}

extern "C" __global__ void tanh_backward(real* gx, const real* gy, const real* y, u64 n, u64 packs) {
    each(n, packs, [](real& gx, real gy, real y) { gx = gy * (1 - y * y); }, gx, gy, y);
}

extern "C" __global__ void relu_forward(real* y, const real* x, u64 n, u64 packs) {
    each(n, packs, [](real& y, real x) { y = x < 0 ? 0 : x; }, y, x);  // nan stays
}

extern "C" __global__ void relu_backward(real* gx, const real* gy, const real* y, u64 n, u64 packs) {
    each(n, packs, [](real& gx, real gy, real y) { gx = y != 0 ? gy : 0; }, gx, gy, y);
}

extern "C" __global__ void leaky_relu_forward(real* y, const real* x, u64 n, u64 packs, real negative_slope) {
    each(n, packs, [=](real& y, real x) { y = x > 0 ? x : x * negative_slope; }, y, x);
}

extern "C" __global__ void leaky_relu_backward(real* gx, const real* gy, const real* y, u64 n, u64 packs,
                                               real negative_slope) {
    each(n, packs, [=](real& gx, real gy, real y) { gx = y > 0 ? gy : gy * negative_slope; }, gx, gy, y);
}
