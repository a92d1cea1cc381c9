#include "fb_test.h"

#include "../fb_ring.h"

#define CAPACITY 100000
#define MAX_SPAN 8000

static struct fb_ring *
new_ring(uint64_t capacity, uint32_t max_span)
{
    struct fb_ring *ring = aligned_alloc(FB_CACHE_LINE, sizeof *ring);

    CHECK(ring != NULL);
    memset(ring, 0, sizeof *ring);
    CHECK_EQ(fb_ring_init(ring, capacity, max_span), FB_OK);
    return ring;
}

static void
free_ring(struct fb_ring *ring)
{
    fb_ring_destroy(ring);
    free(ring);
}

/* Claims and commits; the record's time is its sequence. */
static int
append(struct fb_ring *ring, uint32_t span)
{
    struct fb_record *record;
    uint64_t sequence;
    const int result = fb_ring_claim(ring, span, &record, &sequence);

    if (result != FB_OK)
        return result;
    record->sequence = sequence;
    record->time_ns = (int64_t)sequence;
    fb_segment_commit(record, span - FB_RECORD_HEADER);
    return FB_OK;
}

/* Fills the active segment with records of this span, and goes one record into the next. Returns how many were appended. */
static uint32_t
fill_segment(struct fb_ring *ring, uint32_t span)
{
    const uint64_t before = atomic_load_explicit(&ring->active, memory_order_relaxed); /* Relaxed: one thread. */
    uint32_t count = 0;

    do {
        CHECK_EQ(append(ring, span), FB_OK);
        count++;
        /* Relaxed: one thread. */
    } while (atomic_load_explicit(&ring->active, memory_order_relaxed) == before);
    return count;
}

static fb_ref
take(struct fb_ring *ring, uint64_t sequence)
{
    struct fb_record *record = fb_ring_peek(ring);

    CHECK(record != NULL);
    CHECK_EQ(record->sequence, sequence);
    return fb_ring_take(ring, record);
}

static int
free_count(struct fb_ring *ring)
{
    /* Relaxed: one thread. */
    return __builtin_popcountll(atomic_load_explicit(&ring->free_segments, memory_order_relaxed));
}

static void
test_records_come_out_in_order_across_segments(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    uint32_t count = 0;

    CHECK(fb_ring_peek(ring) == NULL);
    for (uint32_t i = 0; i + 1 < ring->segment_count; i++)
        count += fill_segment(ring, 1000 + i * 8);
    CHECK_EQ(fb_ring_accepted(ring), count);
    for (uint64_t i = 0; i < count; i++)
        (void)take(ring, i);
    CHECK(fb_ring_peek(ring) == NULL);
    CHECK_EQ(ring->taken, count);
    free_ring(ring);
}

static void
test_uncommitted_record_holds_back_later_ones(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    struct fb_record *record;
    uint64_t sequence;

    CHECK_EQ(fb_ring_claim(ring, 32, &record, &sequence), FB_OK);
    CHECK_EQ(append(ring, 32), FB_OK);
    CHECK(fb_ring_peek(ring) == NULL);
    CHECK_EQ(fb_ring_accepted(ring), 2);
    fb_segment_commit(record, 8);
    CHECK(fb_ring_peek(ring) == record);
    free_ring(ring);
}

/* The sealer is preempted between its swap and its padding: consumers stop there, even with the next segment open. */
static void
test_unwritten_padding_holds_consumers_back(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    const uint32_t count = fill_segment(ring, 1000), end = (count - 1) * 1000;
    struct fb_record *padding = fb_segment_record(&ring->segments[0], end);

    CHECK(ring->segment_bytes - end >= FB_RECORD_HEADER);
    /* Relaxed: one thread. */
    atomic_store_explicit(&padding->word, 0, memory_order_relaxed);
    for (uint32_t i = 0; i + 1 < count; i++) {
        const fb_ref ref = take(ring, i);

        CHECK_EQ(fb_ring_acknowledge(ring, &ref, 1), 1000);
    }
    CHECK(fb_ring_peek(ring) == NULL);
    CHECK_EQ(free_count(ring), ring->segment_count - 2);
    /* Relaxed: one thread. */
    atomic_store_explicit(&padding->word, FB_PADDING, memory_order_relaxed);
    (void)take(ring, count - 1);
    CHECK_EQ(free_count(ring), ring->segment_count - 1);
    free_ring(ring);
}

/* A segment is sealed, and the producer that did it has not published the next: another finishes the rotation. */
static void
test_sealed_segment_is_rotated_by_the_next_producer(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    uint64_t end_sequence;

    CHECK_EQ(append(ring, 64), FB_OK);
    CHECK(fb_segment_seal(&ring->segments[0], 1, &end_sequence));
    (void)take(ring, 0);
    CHECK(fb_ring_peek(ring) == NULL);
    CHECK_EQ(append(ring, 64), FB_OK);
    (void)take(ring, 1);
    CHECK_EQ(ring->generation, 2);
    free_ring(ring);
}

static void
test_acknowledging_in_any_order_recycles(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    const uint32_t count = fill_segment(ring, 800);
    fb_ref *refs = fb_test_memory(count * sizeof *refs);
    const unsigned char *base = ring->segments[0].base;

    for (uint32_t i = 0; i < count; i++)
        refs[i] = take(ring, i);
    for (uint32_t i = count - 1; i > 1; i--)
        CHECK_EQ(fb_ring_acknowledge(ring, &refs[i - 1], 1), 800);
    CHECK_EQ(free_count(ring), ring->segment_count - 2);
    CHECK_EQ(fb_ring_acknowledge(ring, &refs[0], 1), 800);
    CHECK_EQ(free_count(ring), ring->segment_count - 1);
    for (uint32_t i = 0; i < ring->segment_bytes; i++)
        CHECK_EQ(base[i], 0);
    free(refs);
    free_ring(ring);
}

/* One record is never acknowledged: its segment stays, and all others go round without end. */
static void
test_pinned_segment_holds_up_nobody(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    uint64_t sequence = 1;
    fb_ref pinned, ref;

    CHECK_EQ(append(ring, 4000), FB_OK);
    pinned = take(ring, 0);
    fb_ring_record(ring, pinned)->time_ns = 4711;
    while (ring->generation < 5 * FB_MAX_SEGMENTS) {
        CHECK_EQ(append(ring, MAX_SPAN), FB_OK);
        ref = take(ring, sequence++);
        (void)fb_ring_acknowledge(ring, &ref, 1);
    }
    CHECK_EQ(fb_ring_record(ring, pinned)->time_ns, 4711);
    CHECK_EQ(free_count(ring), ring->segment_count - 2);
    CHECK_EQ(fb_ring_acknowledge(ring, &pinned, 1), 4000);
    CHECK_EQ(free_count(ring), ring->segment_count - 1);
    free_ring(ring);
}

static void
test_full_without_a_free_segment_and_works_again_with_one(void)
{
    struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
    uint64_t count = 0, taken = 0;
    fb_ref ref;

    while (append(ring, 4000) == FB_OK)
        count++;
    CHECK_EQ(free_count(ring), 0);
    CHECK_EQ(append(ring, 32), FB_ERR_FULL);
    CHECK_EQ(fb_ring_accepted(ring), count);
    while (free_count(ring) == 0) {
        ref = take(ring, taken++);
        (void)fb_ring_acknowledge(ring, &ref, 1);
    }
    CHECK_EQ(append(ring, 32), FB_OK);
    while (taken <= count)
        (void)take(ring, taken++);
    CHECK(fb_ring_peek(ring) == NULL);
    free_ring(ring);
}

/* Consumers far behind find every segment of the past by the history, through many of its lives. */
static void
test_history_leads_through_all_segments(void)
{
    struct fb_ring *ring = new_ring((uint64_t)62 * 8 * MAX_SPAN, MAX_SPAN);
    uint64_t appended = 0, taken = 0;
    struct fb_random random = {fb_test_number("FB_SEED", 4)};

    CHECK_EQ(ring->segment_count, FB_MAX_SEGMENTS);
    for (int round = 0; round < 10; round++) {
        while (append(ring, fb_random_between(&random, 500, MAX_SPAN / 8) * 8) == FB_OK)
            appended++;
        while (taken < appended) {
            const fb_ref ref = take(ring, taken++);

            (void)fb_ring_acknowledge(ring, &ref, 1);
        }
        CHECK(fb_ring_peek(ring) == NULL);
    }
    CHECK(ring->generation > 5 * FB_MAX_SEGMENTS);
    free_ring(ring);
}

/* The generations go on past 32 bits, and past the 22 that a tail has room for. */
static void
test_generations_wrap(void)
{
    static const uint32_t starts[] = {UINT32_MAX - 70, (1 << FB_GENERATION_BITS) - 70};

    for (int i = 0; i < 2; i++) {
        struct fb_ring *ring = new_ring(CAPACITY, MAX_SPAN);
        uint64_t sequence = 0;

        /* Relaxed: one thread, everywhere here. */
        atomic_store_explicit(&ring->active, (uint64_t)starts[i] << 32, memory_order_relaxed);
        for (uint32_t slot = 0; slot < FB_MAX_SEGMENTS; slot++) {
            const uint32_t former = (starts[i] - 1) / FB_MAX_SEGMENTS * FB_MAX_SEGMENTS + slot;
            const uint64_t known = (uint64_t)(former < starts[i] ? former : former - FB_MAX_SEGMENTS) << 32;

            /* Relaxed: one thread. */
            atomic_store_explicit(&ring->history[slot], known, memory_order_relaxed);
        }
        fb_segment_open(&ring->segments[0], starts[i], 0);
        ring->generation = starts[i];
        while (ring->generation - starts[i] < 200) {
            const uint64_t first = sequence;

            for (int j = 0; j < 17; j++)
                CHECK_EQ(append(ring, 5000), FB_OK);
            for (; sequence < first + 17; sequence++) {
                const fb_ref ref = take(ring, sequence);

                (void)fb_ring_acknowledge(ring, &ref, 1);
            }
        }
        free_ring(ring);
    }
}

int
main(void)
{
    test_records_come_out_in_order_across_segments();
    test_uncommitted_record_holds_back_later_ones();
    test_unwritten_padding_holds_consumers_back();
    test_sealed_segment_is_rotated_by_the_next_producer();
    test_acknowledging_in_any_order_recycles();
    test_pinned_segment_holds_up_nobody();
    test_full_without_a_free_segment_and_works_again_with_one();
    test_history_leads_through_all_segments();
    test_generations_wrap();
    return 0;
}
