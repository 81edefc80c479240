// What follows a matrix product in an MLP, and its gradient. Each thread makes one block of random words, which decides
// about 16 numbers, and works on these.

constexpr int DECIDED = 16;

struct Dropout {
    bool drops;  // or all is kept, and nothing below means anything
    unsigned threshold;
    real scale;
    Stream stream;
};

// f(factor, x[i]...) for 16 neighbours i of the n numbers, one by one; the factor is what the dropout multiplies number i
// by. As in `each`, f takes its outputs by reference. With `packed`, all arrays begin on a boundary of 16 bytes.
template <class F, class... X>
__device__ __forceinline__ void each_dropped(u64 n, bool packed, const Dropout& dropout, F f, X*... x) {
    const u64 first = DECIDED * thread_number();
    if (first >= n) return;
    const Four four = dropout.drops ? dropout.stream.block(thread_number()) : Four{};
    auto factor = [&](int j) -> real {
        if (!dropout.drops) return 1;
        return is_kept(four.word, j, dropout.threshold) ? dropout.scale : 0;
    };
    if (packed && first + DECIDED <= n) {
#pragma unroll
        for (int j = 0; j < DECIDED; j += WIDTH) {
            auto run = [&](auto... pack) {
#pragma unroll
                for (int k = 0; k < WIDTH; ++k) f(factor(j + k), pack.at[k]...);
                (store(x, (first + j) / WIDTH, pack), ...);
            };
            run(load(x, (first + j) / WIDTH)...);
        }
    } else {
#pragma unroll
        for (int j = 0; j < DECIDED; ++j)
            if (first + j < n) f(factor(j), x[first + j]...);
    }
}

// y = dropout(leaky_relu(x + bias)) for x (n / features, features); the bias may be null.
extern "C" __global__ void bias_leaky_relu_dropout_forward(real* y, const real* x, u64 n, unsigned packed,
                                                           const real* bias, unsigned features, real negative_slope,
                                                           unsigned drops, unsigned threshold, real scale, u64 seed,
                                                           u64 purpose, u64 step, u64 site, const u64* start) {
    const Dropout dropout{drops != 0, threshold, scale, {seed, purpose, step, site, start}};
    unsigned feature = DECIDED * thread_number() % features;
    each_dropped(n, packed, dropout, [&](real factor, real& y, real x) {
        if (bias) x += bias[feature];
        y = (x > 0 ? x : x * negative_slope) * factor;
        if (++feature == features) feature = 0;
    }, y, x);
}

// gx from gy, where y tells the sign of x + bias for all that was kept.
extern "C" __global__ void bias_leaky_relu_dropout_backward(real* gx, const real* gy, const real* y, u64 n,
                                                            unsigned packed, real negative_slope, unsigned drops,
                                                            unsigned threshold, real scale, u64 seed, u64 purpose,
                                                            u64 step, u64 site, const u64* start) {
    const Dropout dropout{drops != 0, threshold, scale, {seed, purpose, step, site, start}};
    each_dropped(n, packed, dropout, [=](real factor, real& gx, real gy, real y) {
        gx = gy * factor;
        if (!(y > 0)) gx *= negative_slope;
    }, gx, gy, y);
}
