// Philox4x64-10: random words from a counter and a key, with no state to keep.
// Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
//
// These are the words of minigan/backend/philox.py, bit for bit: the key is (seed, purpose), the counter is
// (block, site, step, 0), and word i of a stream is word i % 4 of block i / 4.

struct Four {
    u64 word[4];
};

// One round multiplies two of the words to 128 bits each. The low halves of the products stay as they are;
// the high halves are mixed with the two words that were not multiplied, and with the key.
__device__ __forceinline__ Four philox_round(Four x, u64 key0, u64 key1) {
    const u64 m0 = 0xD2E7470EE14C6C93ull, m1 = 0xCA5A826395121157ull;
    return Four{{__umul64hi(m1, x.word[2]) ^ x.word[1] ^ key0, m1 * x.word[2],
                 __umul64hi(m0, x.word[0]) ^ x.word[3] ^ key1, m0 * x.word[0]}};
}

// Ten rounds; after each, the key takes a step of a Weyl sequence (the golden ratio and the root of 3, less 1).
__device__ __forceinline__ Four philox(Four counter, u64 key0, u64 key1) {
    for (int round = 0; round < 10; ++round) {
        counter = philox_round(counter, key0, key1);
        key0 += 0x9E3779B97F4A7C15ull;
        key1 += 0xBB67AE8584CAA73Bull;
    }
    return counter;
}

// A stream of words. A captured CUDA graph freezes the values of its arguments, so a replay would draw the same numbers
// for ever: while one is captured, `start` points to where (seed, step, site) are kept for each replay, and the site
// given here counts from that one. Elsewhere `start` is null.
struct Stream {
    u64 seed, purpose, step, site;
    const u64* start;

    __device__ __forceinline__ Four block(u64 number) const {
        const u64 key0 = start ? start[0] : seed, now = start ? start[1] : step, here = start ? start[2] + site : site;
        return philox(Four{{number, here, now, 0}}, key0, purpose);
    }
};

// out[0 .. n-1] = words first .. first+n-1 of the stream.
//
// One thread makes one block of four words: launch at least (first % 4 + n + 3) / 4 threads, in one dimension.
extern "C" __global__ void philox_words(u64* out, u64 n, u64 first, u64 seed, u64 purpose, u64 step, u64 site,
                                        const u64* start) {
    const u64 block = first / 4 + thread_number();
    const Four four = Stream{seed, purpose, step, site, start}.block(block);
    for (int j = 0; j < 4; ++j) {
        // Where the first or the last block sticks out of the range, i is not below n: unsigned numbers wrap
        // round, so a word before the first one has a huge i.
        const u64 i = 4 * block + j - first;
        if (i < n) out[i] = four.word[j];
    }
}
