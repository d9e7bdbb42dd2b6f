// RetinaFace's outputs -> detections: threshold, best candidates, decoding, non-maximum suppression.
#include "layout.cuh"
#include "numbers.cuh"

#define THREADS 1024
// Candidates that are sorted: MAX_CANDIDATES, up to a power of two.
#define SORTED 2048
#define WORDS (SORTED / 32)
// Scores that a thread has under way at a time.
#define BATCH 9
// SSD's variances.
#define CENTER_VARIANCE 0.1f
#define SIZE_VARIANCE 0.2f

// Smaller is better: higher score, in the total order of numbers; of equal scores the lower prior. No
// two are equal.
__device__ inline u64 key_of(float score, u32 prior) {
    const u32 bits = __float_as_uint(score);
    const u32 rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (u64)~rising << 32 | prior;
}

__device__ inline float score_of(u64 key) {
    const u32 rising = ~(u32)(key >> 32);
    return __uint_as_float(rising & 0x80000000u ? rising & 0x7fffffffu : ~rising);
}

struct Shared {
    // Keys while candidates are chosen and sorted, boxes after that.
    union {
        u64 keys[SORTED];
        FaceBox boxes[MAX_CANDIDATES];
    };
    union {
        // While candidates are chosen.
        u32 histogram[256];
        // Of each box: its score.
        float scores[MAX_CANDIDATES];
    };
    // Of each box: its prior.
    u32 priors[MAX_CANDIDATES];
    u32 suppressed[WORDS];
    unsigned short kept[MAX_DETECTIONS];
    u32 warp_sums[32];
    u32 count;
    u32 left;
    u64 pivot;
};

// What every GPU grants a block.
static_assert(sizeof(Shared) <= 48 * 1024, "shared memory");

// The keys of all priors that reach the threshold, in `p.keys`, in any order; returns how many.
__device__ inline u32 collect(const DecodeParams &p, Shared &s) {
    if (threadIdx.x == 0) s.count = 0;
    __syncthreads();
    const float threshold = p.control->score_threshold;
    for (u32 start = threadIdx.x; start < p.prior_count; start += BATCH * THREADS) {
        float scores[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; ++i) {
            const u32 prior = start + i * THREADS;
            scores[i] = prior < p.prior_count ? p.confidences[2 * prior + 1] : __int_as_float(0x7fffffff);
        }
#pragma unroll
        for (int i = 0; i < BATCH; ++i) {
            if (scores[i] >= threshold) p.keys[atomicAdd(&s.count, 1)] = key_of(scores[i], start + i * THREADS);
        }
    }
    __syncthreads();
    const u32 count = s.count;
    __syncthreads();
    return count;
}

// The key of rank `rank` (from 0): eight digits of 8 bits, the highest first.
__device__ inline u64 select(const DecodeParams &p, Shared &s, u32 count, u32 rank) {
    if (threadIdx.x == 0) s.pivot = 0, s.left = rank;
    u64 mask = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        for (u32 i = threadIdx.x; i < 256; i += THREADS) s.histogram[i] = 0;
        __syncthreads();
        const u64 pivot = s.pivot;
        for (u32 i = threadIdx.x; i < count; i += THREADS) {
            const u64 key = p.keys[i];
            if ((key & mask) == pivot) atomicAdd(&s.histogram[(key >> shift) & 255], 1);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            u32 digit = 0, left = s.left;
            while (left >= s.histogram[digit]) left -= s.histogram[digit++];
            s.left = left;
            s.pivot = pivot | (u64)digit << shift;
        }
        mask |= 255ull << shift;
        __syncthreads();
    }
    return s.pivot;
}

// Brings the best candidates into s.keys, best first; returns how many.
__device__ inline u32 sort_best(const DecodeParams &p, Shared &s, u32 count) {
    const u32 kept = min(count, (u32)MAX_CANDIDATES);
    u64 last = ~0ull;
    if (count > MAX_CANDIDATES) last = select(p, s, count, MAX_CANDIDATES - 1);
    u32 length = 64;
    while (length < kept) length *= 2;
    if (threadIdx.x == 0) s.count = 0;
    for (u32 i = threadIdx.x; i < length; i += THREADS) s.keys[i] = ~0ull;
    __syncthreads();
    for (u32 i = threadIdx.x; i < count; i += THREADS) {
        const u64 key = p.keys[i];
        if (key <= last) s.keys[atomicAdd(&s.count, 1)] = key;
    }
    __syncthreads();
    // Bitonic: pairs `distance` apart are put in order, ascending where `run` says so.
    for (u32 run = 2; run <= length; run *= 2) {
        for (u32 distance = run / 2; distance > 0; distance /= 2) {
            for (u32 pair = threadIdx.x; pair < length / 2; pair += THREADS) {
                const u32 low = 2 * pair - (pair & (distance - 1)), high = low + distance;
                const u64 a = s.keys[low], b = s.keys[high];
                if ((a > b) == ((low & run) == 0)) s.keys[low] = b, s.keys[high] = a;
            }
            __syncthreads();
        }
    }
    return kept;
}

__device__ inline void mapped(const float map[2][3], float x, float y, float to[2]) {
    to[0] = map[0][0] * x + map[0][1] * y + map[0][2];
    to[1] = map[1][0] * x + map[1][1] * y + map[1][2];
}

// Where the network sees something, `offset` from a prior.
__device__ inline void placed(const float prior[3], const float offset[2], float at[2]) {
    at[0] = prior[0] + offset[0] * CENTER_VARIANCE * prior[2];
    at[1] = prior[1] + offset[1] * CENTER_VARIANCE * prior[2];
}

__device__ inline FaceBox decode_box(const DecodeParams &p, u32 prior) {
    const float *row = p.boxes + 4 * (size_t)prior, *place = p.priors + 3 * (size_t)prior;
    float center[2], first[2], second[2];
    placed(place, row, center);
    const float half_width = 0.5f * place[2] * exp_rounded(row[2] * SIZE_VARIANCE);
    const float half_height = 0.5f * place[2] * exp_rounded(row[3] * SIZE_VARIANCE);
    mapped(p.control->frame_from_input, center[0] - half_width, center[1] - half_height, first);
    mapped(p.control->frame_from_input, center[0] + half_width, center[1] + half_height, second);
    FaceBox box = {first[0], first[1], second[0], second[1]};
    return box;
}

// Key point of a prior in frame pixels.
__device__ inline void decode_keypoint(const DecodeParams &p, u32 prior, u32 point, float to[2]) {
    float at[2];
    placed(p.priors + 3 * (size_t)prior, p.keypoints + (size_t)prior * 2 * KEYPOINTS + 2 * point, at);
    mapped(p.control->frame_from_input, at[0], at[1], to);
}

__device__ inline float area(const FaceBox &box) {
    return fmaxf(box.x2 - box.x1, 0.0f) * fmaxf(box.y2 - box.y1, 0.0f);
}

__device__ inline float overlap(const FaceBox &a, const FaceBox &b) {
    const FaceBox both = {fmaxf(a.x1, b.x1), fmaxf(a.y1, b.y1), fminf(a.x2, b.x2), fminf(a.y2, b.y2)};
    const float common = area(both), all = area(a) + area(b) - common;
    return all > 0.0f ? common / all : 0.0f;
}

// Whether a candidate is a face at all: finite, and not empty.
__device__ inline bool is_sound(const DecodeParams &p, u32 prior, float score, const FaceBox &box) {
    bool finite = isfinite(box.x1) && isfinite(box.y1) && isfinite(box.x2) && isfinite(box.y2) && isfinite(score);
    for (u32 point = 0; point < KEYPOINTS; ++point) {
        float at[2];
        decode_keypoint(p, prior, point, at);
        finite = finite && isfinite(at[0]) && isfinite(at[1]);
    }
    return finite && area(box) > 0.0f;
}

// How many threads before this one have `mine`; s.count is how many there are in all.
__device__ inline u32 rank_among(Shared &s, bool mine) {
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const u32 ballot = __ballot_sync(0xffffffffu, mine);
    if (lane == 0) s.warp_sums[warp] = __popc(ballot);
    __syncthreads();
    u32 before = 0, all = 0;
    for (u32 i = 0; i < THREADS / 32; ++i) {
        if (i < warp) before += s.warp_sums[i];
        all += s.warp_sums[i];
    }
    if (threadIdx.x == 0) s.count = all;
    __syncthreads();
    return before + __popc(ballot & ((1u << lane) - 1));
}

// Decodes the sorted candidates and puts the sound ones together, in order; returns how many.
__device__ inline u32 decode_sorted(const DecodeParams &p, Shared &s, u32 count) {
    u64 keys[SORTED / THREADS];
    for (int i = 0; i < SORTED / THREADS; ++i) {
        const u32 place = i * THREADS + threadIdx.x;
        keys[i] = place < count ? s.keys[place] : ~0ull;
    }
    // From here on the memory of the keys is that of the boxes.
    __syncthreads();
    u32 sound = 0;
    for (int i = 0; i < SORTED / THREADS; ++i) {
        const u32 prior = (u32)keys[i];
        const float score = score_of(keys[i]);
        FaceBox box = {};
        bool mine = i * THREADS + threadIdx.x < count;
        if (mine) {
            box = decode_box(p, prior);
            mine = is_sound(p, prior, score, box);
        }
        const u32 to = sound + rank_among(s, mine);
        if (mine) s.boxes[to] = box, s.scores[to] = score, s.priors[to] = prior;
        sound += s.count;
        __syncthreads();
    }
    return sound;
}

// Writes the boxes that were kept; a thread each for the key points and one for the rest.
__device__ inline void write_detections(const DecodeParams &p, const Shared &s, u32 kept) {
    for (u32 i = threadIdx.x; i < kept * (KEYPOINTS + 1); i += THREADS) {
        DetectionResult &result = p.result->detections[i / (KEYPOINTS + 1)];
        const u32 from = s.kept[i / (KEYPOINTS + 1)], part = i % (KEYPOINTS + 1);
        if (part < KEYPOINTS) {
            decode_keypoint(p, s.priors[from], part, result.keypoints[part]);
        } else {
            result.bounds = s.boxes[from];
            result.score = s.scores[from];
            result.prior = s.priors[from];
        }
    }
}

// The first candidate from `at` on that is not suppressed; `count` where there is none.
__device__ inline u32 next_best(const Shared &s, u32 at, u32 count) {
    while (at < count) {
        const u32 open = ~s.suppressed[at / 32] >> (at % 32);
        if (open) return min(at + __ffs(open) - 1, count);
        at = at / 32 * 32 + 32;
    }
    return count;
}

// Of overlapping boxes the better one stays; lists them in s.kept and returns how many.
__device__ inline u32 suppress(const DecodeParams &p, Shared &s, u32 count) {
    for (u32 i = threadIdx.x; i < WORDS; i += THREADS) s.suppressed[i] = 0;
    __syncthreads();
    const float most = p.control->nms_iou;
    u32 kept = 0;
    // All threads find the same candidates.
    for (u32 best = next_best(s, 0, count); best < count && kept < MAX_DETECTIONS;) {
        __syncthreads();
        if (threadIdx.x == 0) s.kept[kept] = best;
        ++kept;
        const FaceBox box = s.boxes[best];
        for (u32 i = best + 1 + threadIdx.x; i < count; i += THREADS) {
            if (!(overlap(box, s.boxes[i]) <= most)) atomicOr(&s.suppressed[i / 32], 1u << (i % 32));
        }
        __syncthreads();
        best = next_best(s, best + 1, count);
    }
    __syncthreads();
    return kept;
}

extern "C" __global__ void __launch_bounds__(THREADS) retinaface_decode(const DecodeParams p) {
    __shared__ Shared s;
    const u32 candidates = collect(p, s);
    if (candidates == 0) {
        if (threadIdx.x == 0) p.result->candidate_count = p.result->detection_count = 0;
        return;
    }
    const u32 sorted = sort_best(p, s, candidates);
    const u32 sound = decode_sorted(p, s, sorted);
    const u32 kept = suppress(p, s, sound);
    write_detections(p, s, kept);
    if (threadIdx.x == 0) {
        p.result->candidate_count = candidates;
        p.result->detection_count = kept;
    }
}
