// One step of an optimizer, or of a moving average, over a whole flat buffer.

// Adam, as minigan/backend/base/optim.py has it. A `shrink` of 1 leaves p as it is.
extern "C" __global__ void adam(real* p, const real* g, real* m, real* v, u64 n, u64 packs,
                                real rate, const real* rate_in_memory, real eps, const real* eps_in_memory,
                                real shrink, const real* shrink_in_memory, real beta1, real beta2, real rest1,
                                real rest2, real weight_decay) {
    rate = number(rate, rate_in_memory);
    eps = number(eps, eps_in_memory);
    shrink = number(shrink, shrink_in_memory);
    each(n, packs, [=](real& p, real g, real& m, real& v) {
        p *= shrink;
        if (weight_decay != 0) g += weight_decay * p;
        m = beta1 * m + rest1 * g;
        v = beta2 * v + rest2 * (g * g);
        p -= rate * m / (sqrt(v) + eps);
    }, p, g, m, v);
}

// x moves towards `end` by a part of the way.
extern "C" __global__ void lerp(real* x, const real* end, u64 n, u64 packs, real weight, const real* weight_in_memory) {
    weight = number(weight, weight_in_memory);
    each(n, packs, [=](real& x, real end) { x += weight * (end - x); }, x, end);
}
