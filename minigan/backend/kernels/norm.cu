// Normalisation by statistics per channel, which are summed as sum.cu tells.

// Mean and variance of each channel if there is one chunk; else mean and sum of squared distances from it, of each.
extern "C" __global__ void chunk_moments(real* y, const real* x, unsigned channels, unsigned inner, unsigned count,
                                         unsigned chunk, unsigned width) {
    const Share my(channels, inner, count, chunk, width);
    const real n = my.end - blockIdx.y * chunk;
    real sum = 0, squares = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) sum += x[my.place(k)];
    const real mean = block_sum<SUMMING>(sum, width) / n;
    for (unsigned k = my.first; k < my.end; k += my.step) {
        const real distance = x[my.place(k)] - mean;
        squares += distance * distance;
    }
    squares = block_sum<SUMMING>(squares, width);
    my.put(y, width, mean, gridDim.y == 1 ? squares / n : squares);
}

// y (2, channels) from what the chunks gave, (2, chunks, channels): Chan, Golub and LeVeque 1979.
extern "C" __global__ void join_moments(real* y, const real* parts, unsigned channels, unsigned chunks, unsigned width,
                                        unsigned count, unsigned chunk) {
    const Share my(channels, 1, chunks, chunks, width);
    const real* squares_of = parts + (u64)chunks * channels;
    real sum = 0, squares = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) {
        const real n = min(chunk, count - k * chunk);
        sum += n * parts[my.place(k)];
    }
    const real mean = block_sum<SUMMING>(sum, width) / count;
    for (unsigned k = my.first; k < my.end; k += my.step) {
        const real n = min(chunk, count - k * chunk), distance = parts[my.place(k)] - mean;
        squares += squares_of[my.place(k)] + n * (distance * distance);
    }
    squares = block_sum<SUMMING>(squares, width);
    my.put(y, width, mean, squares / count);
}

// The sums over each channel of gy and of gy (x - mean) rstd; without rstd, of each chunk, if there are several.
extern "C" __global__ void chunk_norm_sums(real* y, const real* gy, const real* x, const real* mean, const real* rstd,
                                           unsigned channels, unsigned inner, unsigned count, unsigned chunk,
                                           unsigned width) {
    const Share my(channels, inner, count, chunk, width);
    const real shift = my.c < channels ? mean[my.c] : 0;
    real sum = 0, moment = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) {
        const real g = gy[my.place(k)];
        sum += g;
        moment += g * (x[my.place(k)] - shift);
    }
    sum = block_sum<SUMMING>(sum, width);
    moment = block_sum<SUMMING>(moment, width);
    my.put(y, width, sum, gridDim.y == 1 && my.c < channels ? moment * rstd[my.c] : moment);
}

// y (2, channels) from what the chunks gave, (2, chunks, channels).
extern "C" __global__ void join_norm_sums(real* y, const real* parts, unsigned channels, unsigned chunks,
                                          unsigned width, const real* rstd) {
    const Share my(channels, 1, chunks, chunks, width);
    const real* moment_of = parts + (u64)chunks * channels;
    real sum = 0, moment = 0;
    for (unsigned k = my.first; k < my.end; k += my.step) {
        sum += parts[my.place(k)];
        moment += moment_of[my.place(k)];
    }
    sum = block_sum<SUMMING>(sum, width);
    moment = block_sum<SUMMING>(moment, width);
    my.put(y, width, sum, my.c < channels ? moment * rstd[my.c] : 0);
}

// ---- element by element ------------------------------------------------------------------------------------

// f(c, x[i]...) for each i below n, where element i belongs to channel c; as `each` does it.
template <class F, class... X>
__device__ __forceinline__ void each_in_channels(unsigned n, unsigned packs, unsigned channels, unsigned inner, F f,
                                                 X*... x) {
    const unsigned i = thread_number();
    const unsigned first = i < packs ? WIDTH * i : i + (WIDTH - 1) * packs;
    if (first >= n) return;
    unsigned c = first / inner % channels, inside = first % inner;
    auto next = [&] {
        if (++inside < inner) return;
        inside = 0;
        if (++c == channels) c = 0;
    };
    if (i < packs) {
        auto run = [&](auto... pack) {
#pragma unroll
            for (int j = 0; j < WIDTH; ++j, next()) f(c, pack.at[j]...);
            (store(x, i, pack), ...);
        };
        run(load(x, i)...);
    } else {
        f(c, x[first]...);
    }
}

// y = (x - mean) rstd weight + bias; weight and bias may be null.
extern "C" __global__ void normalize(real* y, const real* x, unsigned n, unsigned packs, unsigned channels,
                                     unsigned inner, const real* mean, const real* rstd, const real* weight,
                                     const real* bias) {
    each_in_channels(n, packs, channels, inner, [=](unsigned c, real& y, real x) {
        y = (x - mean[c]) * (weight ? rstd[c] * weight[c] : rstd[c]);
        if (bias) y += bias[c];
    }, y, x);
}

// What a normalisation by the statistics of x itself sends back to x; sums (2, channels) are those of gy, of
// which each of n values has a share of 1 / n.
extern "C" __global__ void norm_backward(real* gx, const real* gy, const real* x, unsigned n, unsigned packs,
                                         unsigned channels, unsigned inner, const real* mean, const real* rstd,
                                         const real* sums, const real* weight, real share) {
    each_in_channels(n, packs, channels, inner, [=](unsigned c, real& gx, real gy, real x) {
        const real along = (x - mean[c]) * (rstd[c] * sums[channels + c] * share) + sums[c] * share;
        gx = (gy - along) * (weight ? rstd[c] * weight[c] : rstd[c]);
    }, gx, gy, x);
}
