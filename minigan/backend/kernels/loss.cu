// Binary cross entropies, element by element.

// ---- of probabilities --------------------------------------------------------------------------------------

// Held above -100, as in PyTorch; of nan it is nan.
__device__ __forceinline__ real log_above_100(real x) {
    if (x <= 0) return -100;
    const real y = log(x);
    return y < -100 ? -100 : y;
}

__device__ __forceinline__ real bce_slope(real gy, real x, real t) {
    return gy * (x - t) / fmax(x * (1 - x), (real)1e-12);
}

extern "C" __global__ void bce_forward(real* y, const real* x, const real* target, u64 n, u64 packs) {
    each(n, packs, [](real& y, real x, real t) { y = -t * log_above_100(x) - (1 - t) * log_above_100(1 - x); },
         y, x, target);
}

extern "C" __global__ void bce_backward(real* gx, const real* gy, const real* x, const real* target, u64 n, u64 packs) {
    each(n, packs, [](real& gx, real gy, real x, real t) { gx = bce_slope(gy, x, t); }, gx, gy, x, target);
}

// After a mean: one gy for all.
extern "C" __global__ void bce_backward_of_mean(real* gx, const real* x, const real* target, u64 n, u64 packs,
                                                const real* gy) {
    const real g = *gy;
    each(n, packs, [=](real& gx, real x, real t) { gx = bce_slope(g, x, t); }, gx, x, target);
}

// ---- of logits ---------------------------------------------------------------------------------------------

extern "C" __global__ void bce_with_logits_forward(real* y, const real* x, const real* target, u64 n, u64 packs) {
    each(n, packs, [](real& y, real x, real t) { y = (1 - t) * x + fmax(-x, (real)0) + log1p(exp(-fabs(x))); },
         y, x, target);
}

__device__ __forceinline__ real bce_with_logits_slope(real x, real t) {
    return (1 - t) * sigmoid(x) - t * sigmoid(-x);  // keeps all digits where D is sure and right
}

extern "C" __global__ void bce_with_logits_backward(real* gx, const real* gy, const real* x, const real* target, u64 n,
                                                    u64 packs) {
    each(n, packs, [](real& gx, real gy, real x, real t) { gx = gy * bce_with_logits_slope(x, t); }, gx, gy, x, target);
}

extern "C" __global__ void bce_with_logits_backward_of_mean(real* gx, const real* x, const real* target, u64 n,
                                                            u64 packs, const real* gy) {
    const real g = *gy;
    each(n, packs, [=](real& gx, real x, real t) { gx = g * bce_with_logits_slope(x, t); }, gx, x, target);
}
