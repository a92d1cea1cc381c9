#include "fb_ring.h"

#include "fb_map.h"

/* How often a producer looks for a free segment again before it calls the ring full: the last one may be in the hands of
 * another producer, who is about to publish it or to give it back. */
#define SPINS_FOR_SEGMENT 1000

#define MIN_SEGMENT_BYTES 65536
#define PAGE_BYTES 4096

static uint32_t
generation_of(uint64_t active)
{
    return (uint32_t)(active >> 32);
}

static uint32_t
index_of(uint64_t active)
{
    return (uint32_t)active;
}

/* Sets the size and the number of segments; see fb_ring_init() for the inequality. */
static int
choose_geometry(struct fb_ring *ring, uint64_t capacity, uint32_t max_span)
{
    const uint64_t overhead = (uint64_t)max_span + FB_RECORD_HEADER + PAGE_BYTES;
    uint64_t least, body, bytes;

    if (overhead >= FB_SEGMENT_MAX_BYTES)
        return FB_ERR_ARGUMENT;
    least = capacity / (FB_SEGMENT_MAX_BYTES - overhead) + 1;
    body = capacity / (8 * (uint64_t)max_span);
    if (body < 4)
        body = 4;
    if (body < least)
        body = least;
    if (body > FB_MAX_SEGMENTS - 2)
        body = FB_MAX_SEGMENTS - 2;
    bytes = capacity / body + overhead;
    if (bytes < MIN_SEGMENT_BYTES)
        bytes = MIN_SEGMENT_BYTES;
    bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (bytes > FB_SEGMENT_MAX_BYTES)
        return FB_ERR_ARGUMENT;
    ring->segment_bytes = (uint32_t)bytes;
    ring->segment_count = (uint32_t)body + 2;
    return FB_OK;
}

static int
map_segments(struct fb_ring *ring)
{
    for (uint32_t i = 0; i < ring->segment_count; i++) {
        struct fb_segment *segment = &ring->segments[i];

        segment->base = fb_map_new(ring->segment_bytes);
        if (segment->base == NULL)
            return FB_ERR_NO_MEMORY;
        segment->size = ring->segment_bytes;
        atomic_init(&segment->tail, FB_SEALED);
        atomic_init(&segment->first_sequence, 0);
    }
    return FB_OK;
}

int
fb_ring_init(struct fb_ring *ring, uint64_t capacity, uint32_t max_span)
{
    int result = choose_geometry(ring, capacity, max_span);

    if (result != FB_OK)
        return result;
    ring->segments = fb_new(ring->segment_count * sizeof(struct fb_segment));
    if (ring->segments == NULL)
        return FB_ERR_NO_MEMORY;
    pthread_mutex_init(&ring->lock, NULL);
    result = map_segments(ring);
    if (result != FB_OK)
        return result;
    for (int i = 0; i < FB_MAX_SEGMENTS; i++)
        atomic_init(&ring->history[i], 0);
    /* Generation 0 is never active, so that an empty history slot is older than any. */
    fb_segment_open(&ring->segments[0], 1, 0);
    atomic_init(&ring->active, (uint64_t)1 << 32);
    atomic_init(&ring->free_segments, (~(uint64_t)0 >> (FB_MAX_SEGMENTS - ring->segment_count)) & ~(uint64_t)1);
    ring->generation = 1;
    return FB_OK;
}

void
fb_ring_destroy(struct fb_ring *ring)
{
    if (ring->segments == NULL)
        return;
    for (uint32_t i = 0; i < ring->segment_count; i++)
        fb_map_free(ring->segments[i].base, ring->segment_bytes);
    pthread_mutex_destroy(&ring->lock);
    fb_free(ring->segments);
    ring->segments = NULL;
}

/* Producers. */

/* Takes the lowest free segment, so that a queue that stays short keeps using the same, warm memory. */
static bool
pop_free_segment(struct fb_ring *ring, uint32_t *index)
{
    /* A_FREE: the consumer's zeroing comes before our records. */
    uint64_t mask = atomic_load_explicit(&ring->free_segments, memory_order_acquire);

    do {
        if (mask == 0)
            return false;
        *index = (uint32_t)__builtin_ctzll(mask);
        /* A_FREE, A_SPENT: on success and on failure alike, for the mask that we then use. */
    } while (!atomic_compare_exchange_weak_explicit(&ring->free_segments, &mask, mask & (mask - 1),
                                                    memory_order_acquire, memory_order_acquire));
    return true;
}

static void
push_free_segment(struct fb_ring *ring, uint32_t index)
{
    /* R_FREE, R_SPENT: we are done with the segment: a consumer has zeroed it, or a producer has closed it again. */
    atomic_fetch_or_explicit(&ring->free_segments, (uint64_t)1 << index, memory_order_release);
}

/* Notes which segment had this generation, unless the slot already serves a newer one. */
static void
remember(struct fb_ring *ring, uint64_t active)
{
    _Atomic uint64_t *slot = &ring->history[generation_of(active) % FB_MAX_SEGMENTS];
    /* Relaxed: R_ACTIVE publishes the slot, by whichever producer wins the rotation. */
    uint64_t known = atomic_load_explicit(slot, memory_order_relaxed);

    while ((int32_t)(generation_of(known) - generation_of(active)) < 0) {
        /* Relaxed: as above. */
        if (atomic_compare_exchange_weak_explicit(slot, &known, active, memory_order_relaxed, memory_order_relaxed))
            return;
    }
}

static bool
is_active(struct fb_ring *ring, uint64_t active)
{
    /* Relaxed: only compared; whoever goes on with a newer one acquires it. */
    return atomic_load_explicit(&ring->active, memory_order_relaxed) == active;
}

/* Finds a free segment, or sees that somebody else has rotated. */
static int
find_free_segment(struct fb_ring *ring, uint64_t active, uint32_t *index, bool *is_rotated)
{
    *is_rotated = false;
    for (int spin = 0; spin < SPINS_FOR_SEGMENT; spin++) {
        if (!is_active(ring, active)) {
            *is_rotated = true;
            return FB_OK;
        }
        if (pop_free_segment(ring, index))
            return FB_OK;
    }
    return FB_ERR_FULL;
}

/* Seals the segment that was active and publishes a free one in its place, unless somebody else has. */
static int
rotate(struct fb_ring *ring, uint64_t active)
{
    const uint32_t next_generation = generation_of(active) + 1;
    uint64_t end_sequence, expected = active;
    uint32_t index = 0;
    bool is_rotated;
    int result;

    if (!fb_segment_seal(&ring->segments[index_of(active)], generation_of(active), &end_sequence))
        return FB_OK;
    result = find_free_segment(ring, active, &index, &is_rotated);
    if (result != FB_OK || is_rotated)
        return result;
    fb_segment_open(&ring->segments[index], next_generation, end_sequence);
    remember(ring, active);
    /* R_ACTIVE: publishes the opening and the history. S_SLEEP: a sleeper who sees a claim in the new segment finds the
     * segment too. Relaxed on failure: the caller loads `active` anew. */
    if (!atomic_compare_exchange_strong_explicit(&ring->active, &expected, (uint64_t)next_generation << 32 | index,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        fb_segment_unopen(&ring->segments[index]);
        push_free_segment(ring, index);
    }
    return FB_OK;
}

int
fb_ring_claim(struct fb_ring *ring, uint32_t span, struct fb_record **record, uint64_t *sequence)
{
    struct fb_claim claim;

    for (;;) {
        /* A_ACTIVE: the segment is open. */
        const uint64_t active = atomic_load_explicit(&ring->active, memory_order_acquire);
        struct fb_segment *segment = &ring->segments[index_of(active)];
        const enum fb_claim_result result = fb_segment_claim(segment, generation_of(active), span, &claim);

        if (FB_LIKELY(result == FB_CLAIM_OK)) {
            *record = fb_segment_record(segment, claim.offset);
            *sequence = claim.sequence;
            return FB_OK;
        }
        if (result == FB_CLAIM_NO_ROOM && rotate(ring, active) != FB_OK)
            return FB_ERR_FULL;
    }
}

uint64_t
fb_ring_accepted(struct fb_ring *ring)
{
    uint64_t end_sequence;

    for (;;) {
        /* S_SLEEP: see the segment of every claim whose producer did not see the sleeper. Acquires as A_ACTIVE does. */
        const uint64_t active = atomic_load_explicit(&ring->active, memory_order_seq_cst);

        if (fb_segment_end(&ring->segments[index_of(active)], generation_of(active), &end_sequence))
            return end_sequence;
    }
}

/* Consumers, under the lock. */

static void
recycle(struct fb_ring *ring, uint32_t index)
{
    fb_segment_recycle(&ring->segments[index]);
    push_free_segment(ring, index);
}

/* Goes on to the segment that was active after the one just read to its end; false when there is none yet. */
static bool
enter_next_segment(struct fb_ring *ring)
{
    /* A_ACTIVE: the opening, and the history of all generations before. */
    const uint64_t active = atomic_load_explicit(&ring->active, memory_order_acquire);
    const uint32_t finished = ring->index;

    if (generation_of(active) == ring->generation)
        return false;
    fb_segment_drain(&ring->segments[finished], ring->offset);
    ring->generation++;
    ring->offset = 0;
    if (generation_of(active) == ring->generation)
        ring->index = index_of(active);
    else
        /* Relaxed: A_ACTIVE brought the slot along. It cannot serve a newer generation yet: that would be as many segments
         * ahead of us as there are slots, and those from ours on are not recycled. */
        ring->index = index_of(atomic_load_explicit(&ring->history[ring->generation % FB_MAX_SEGMENTS],
                                                    memory_order_relaxed));
    if (fb_segment_is_spent(&ring->segments[finished]))
        recycle(ring, finished);
    return true;
}

struct fb_record *
fb_ring_peek(struct fb_ring *ring)
{
    for (;;) {
        struct fb_segment *segment = &ring->segments[ring->index];
        const uint32_t word = fb_segment_word(segment, ring->offset);

        if (word & FB_COMMITTED)
            return fb_segment_record(segment, ring->offset);
        if (word == 0 || !enter_next_segment(ring))
            return NULL;
    }
}

fb_ref
fb_ring_take(struct fb_ring *ring, struct fb_record *record)
{
    const fb_ref ref = (uint64_t)ring->index << 32 | ring->offset;
    const uint64_t span = fb_record_span(fb_record_length(record));

    ring->offset += (uint32_t)span;
    ring->taken++;
    ring->taken_bytes += span;
    return ref;
}

uint64_t
fb_ring_acknowledge(struct fb_ring *ring, const fb_ref *refs, uint32_t count)
{
    uint64_t bytes = 0;

    pthread_mutex_lock(&ring->lock);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t index = (uint32_t)(refs[i] >> 32);
        struct fb_segment *segment = &ring->segments[index];

        bytes += fb_record_span(fb_record_length(fb_ring_record(ring, refs[i])));
        segment->acknowledged++;
        if (fb_segment_is_spent(segment))
            recycle(ring, index);
    }
    pthread_mutex_unlock(&ring->lock);
    return bytes;
}
