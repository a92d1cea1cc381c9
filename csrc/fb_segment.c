#include "fb_segment.h"

#define RECORDS_MASK (((uint64_t)1 << FB_RECORDS_BITS) - 1)
#define GENERATION_MASK (((uint32_t)1 << FB_GENERATION_BITS) - 1)

static uint64_t
pack(uint32_t generation, uint64_t records, uint64_t offset8)
{
    return (uint64_t)(generation & GENERATION_MASK) << (FB_RECORDS_BITS + FB_OFFSET_BITS) | records << FB_OFFSET_BITS |
           offset8;
}

static bool
is_generation(uint64_t tail, uint32_t generation)
{
    return tail >> (FB_RECORDS_BITS + FB_OFFSET_BITS) == (generation & GENERATION_MASK);
}

static uint64_t
records_of(uint64_t tail)
{
    return tail >> FB_OFFSET_BITS & RECORDS_MASK;
}

static uint64_t
offset8_of(uint64_t tail)
{
    return tail & FB_SEALED;
}

void
fb_segment_open(struct fb_segment *segment, uint32_t generation, uint64_t first_sequence)
{
    segment->acknowledged = 0;
    segment->drained = false;
    /* Relaxed: R_OPEN below carries it to whoever claims. */
    atomic_store_explicit(&segment->first_sequence, first_sequence, memory_order_relaxed);
    /* R_OPEN: without it a claimer could number its record from the segment's former life. */
    atomic_store_explicit(&segment->tail, pack(generation, 0, 0), memory_order_release);
}

void
fb_segment_unopen(struct fb_segment *segment)
{
    /* Relaxed: its generation was never published, so nobody has claimed, and the tail is read again only after another
     * open. */
    const uint64_t tail = atomic_load_explicit(&segment->tail, memory_order_relaxed);
    /* Relaxed: as above. */
    atomic_store_explicit(&segment->tail, tail | FB_SEALED, memory_order_relaxed);
}

enum fb_claim_result
fb_segment_claim(struct fb_segment *segment, uint32_t generation, uint32_t span, struct fb_claim *out)
{
    /* A_OPEN: see the zeroed bytes and the first sequence of the generation that we claim in. */
    uint64_t tail = atomic_load_explicit(&segment->tail, memory_order_acquire);
    uint64_t next;

    do {
        if (FB_UNLIKELY(!is_generation(tail, generation)))
            return FB_CLAIM_STALE;
        if (offset8_of(tail) == FB_SEALED || offset8_of(tail) * 8 + span > segment->size)
            return FB_CLAIM_NO_ROOM;
        next = pack(generation, records_of(tail) + 1, offset8_of(tail) + span / 8);
        /* S_SLEEP: ordered before this producer's look at `waiting` (fb_core.c), so that either it sees the sleeper or the
         * sleeper sees this claim. A_OPEN on failure: the tail may be that of another generation. */
    } while (!atomic_compare_exchange_weak_explicit(&segment->tail, &tail, next, memory_order_seq_cst,
                                                    memory_order_acquire));
    out->offset = (uint32_t)(offset8_of(tail) * 8);
    /* Relaxed: A_OPEN carried it, and it cannot change before our record is committed and acknowledged. */
    out->sequence = atomic_load_explicit(&segment->first_sequence, memory_order_relaxed) + records_of(tail);
    return FB_CLAIM_OK;
}

void
fb_segment_commit(struct fb_record *record, uint32_t message_length)
{
    /* R_DATA: header and message are written before a consumer can see a word that is not 0. */
    atomic_store_explicit(&record->word, FB_COMMITTED | message_length, memory_order_release);
}

static void
write_padding(struct fb_segment *segment, uint32_t offset)
{
    /* Too short for a header: consumers know that no record begins here. */
    if (segment->size - offset < FB_RECORD_HEADER)
        return;
    /* R_DATA: nothing but the word is read of padding. */
    atomic_store_explicit(&fb_segment_record(segment, offset)->word, FB_PADDING, memory_order_release);
}

bool
fb_segment_seal(struct fb_segment *segment, uint32_t generation, uint64_t *end_sequence)
{
    /* A_OPEN: for the first sequence below. */
    uint64_t tail = atomic_load_explicit(&segment->tail, memory_order_acquire);

    do {
        if (!is_generation(tail, generation))
            return false;
        if (offset8_of(tail) == FB_SEALED)
            break;
        /* A_OPEN: on failure, as above. Sealing itself publishes nothing: the padding has its own R_DATA. */
    } while (!atomic_compare_exchange_weak_explicit(&segment->tail, &tail, tail | FB_SEALED, memory_order_acquire,
                                                    memory_order_acquire));
    if (offset8_of(tail) != FB_SEALED)
        write_padding(segment, (uint32_t)(offset8_of(tail) * 8));
    /* Relaxed: A_OPEN carried it. Should the segment have been recycled meanwhile the sum is wrong, and the swap that
     * would publish it (fb_ring_rotate) fails. */
    *end_sequence = atomic_load_explicit(&segment->first_sequence, memory_order_relaxed) + records_of(tail);
    return true;
}

uint32_t
fb_segment_word(struct fb_segment *segment, uint32_t offset)
{
    if (segment->size - offset < FB_RECORD_HEADER)
        return FB_PADDING;
    /* A_DATA: a word that is not 0 brings its header and message along. */
    return atomic_load_explicit(&fb_segment_record(segment, offset)->word, memory_order_acquire);
}

void
fb_segment_drain(struct fb_segment *segment, uint32_t used)
{
    /* Relaxed: the segment is sealed, which the caller knows by A_ACTIVE; its count is final. */
    segment->records = (uint32_t)records_of(atomic_load_explicit(&segment->tail, memory_order_relaxed));
    segment->used = used;
    segment->drained = true;
}

bool
fb_segment_is_spent(const struct fb_segment *segment)
{
    return segment->drained && segment->acknowledged == segment->records;
}

void
fb_segment_recycle(struct fb_segment *segment)
{
    const uint32_t padding = segment->size - segment->used < FB_RECORD_HEADER ? 0 : FB_RECORD_HEADER;

    memset(segment->base, 0, segment->used + padding);
}

bool
fb_segment_end(struct fb_segment *segment, uint32_t generation, uint64_t *end_sequence)
{
    /* S_SLEEP: ordered after the sleeper's mark in `waiting`, so that it sees every claim whose producer did not see the
     * mark. Acquires as A_OPEN does. */
    const uint64_t tail = atomic_load_explicit(&segment->tail, memory_order_seq_cst);

    /* Relaxed: A_OPEN carried it. Under the ring's lock the segment is not recycled, so it is still of that tail. */
    *end_sequence = atomic_load_explicit(&segment->first_sequence, memory_order_relaxed) + records_of(tail);
    return is_generation(tail, generation);
}
