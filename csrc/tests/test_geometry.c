/* The promise of fb_ring_init(): in order of arrival the byte budget is met before the segments run out. */
#include "fb_test.h"

#include "../fb_ring.h"

struct queue {
    struct fb_ring ring;
    fb_ref *refs; /* of what is taken and not acknowledged, oldest first */
    uint32_t *spans;
    uint32_t head, count, room;
    uint64_t capacity, used;
};

static struct queue *
new_queue(uint64_t capacity, uint32_t max_span)
{
    struct queue *queue = aligned_alloc(FB_CACHE_LINE, sizeof *queue);

    CHECK(queue != NULL);
    memset(queue, 0, sizeof *queue);
    CHECK_EQ(fb_ring_init(&queue->ring, capacity, max_span), FB_OK);
    queue->capacity = capacity;
    queue->room = (uint32_t)(capacity / 32) + 1;
    queue->refs = fb_test_memory(queue->room * sizeof *queue->refs);
    queue->spans = fb_test_memory(queue->room * sizeof *queue->spans);
    return queue;
}

static void
free_queue(struct queue *queue)
{
    fb_ring_destroy(&queue->ring);
    free(queue->refs);
    free(queue->spans);
    free(queue);
}

static void
acknowledge_oldest(struct queue *queue)
{
    CHECK_EQ(fb_ring_acknowledge(&queue->ring, &queue->refs[queue->head], 1), queue->spans[queue->head]);
    queue->used -= queue->spans[queue->head];
    queue->head = (queue->head + 1) % queue->room;
    queue->count--;
}

/* Makes room in the budget, no more than it takes, then claims: there must be a segment for it. */
static void
append(struct queue *queue, uint32_t span)
{
    struct fb_record *record;
    uint64_t sequence;
    uint32_t last;

    while (queue->used + span > queue->capacity)
        acknowledge_oldest(queue);
    CHECK_EQ(fb_ring_claim(&queue->ring, span, &record, &sequence), FB_OK);
    fb_segment_commit(record, span - FB_RECORD_HEADER);
    last = (queue->head + queue->count++) % queue->room;
    CHECK(fb_ring_peek(&queue->ring) == record);
    queue->refs[last] = fb_ring_take(&queue->ring, record);
    queue->spans[last] = span;
    queue->used += span;
}

/* What the active segment has left. */
static uint32_t
left_over(struct queue *queue)
{
    return queue->ring.segment_bytes - queue->ring.offset;
}

/* Wastes as much of each segment as sealing can: leaves 8 bytes less than the largest record needs, and sends that. */
static void
waste(struct queue *queue, uint32_t max_span)
{
    for (int round = 0; round < 200; round++) {
        while (left_over(queue) >= max_span) {
            const uint32_t over = left_over(queue) - (max_span - 8);

            append(queue, over < 32 ? 32 : over < max_span ? over : max_span);
            if (left_over(queue) < max_span && left_over(queue) > max_span - 8 - 32)
                break;
        }
        append(queue, max_span);
    }
}

static void
test_budget_is_met_before_segments_run_out(void)
{
    static const uint32_t max_spans[] = {40, 64, 1024, 4096, 32792, 65536, 1 << 20};
    struct fb_random random = {fb_test_number("FB_SEED", 5)};

    for (size_t i = 0; i < sizeof max_spans / sizeof *max_spans; i++) {
        const uint32_t max_span = max_spans[i];

        for (int round = 0; round < 12; round++) {
            /* From one record to several times what all the segments of the least size hold. */
            const uint64_t least = max_span > 4096 ? max_span : 4096;
            const uint64_t capacity = max_span + fb_random_next(&random) % (least << (round / 2));
            struct queue *queue = new_queue(capacity, max_span);

            if (capacity < UINT64_C(1) << 24 || round % 4 == 0)
                waste(queue, max_span);
            for (int step = 0; step < 3000; step++) {
                const bool is_large = fb_random_next(&random) % 3 == 0;

                append(queue, is_large ? max_span : fb_random_between(&random, 4, max_span / 8) * 8);
            }
            free_queue(queue);
        }
    }
}

/* Every capacity that 62 of the largest segments hold is accepted, wherever it falls between two pages. */
static void
test_every_capacity_up_to_the_largest_is_accepted(void)
{
    static const uint32_t max_spans[] = {32, 32792, 1 << 22, 1 << 24, (1 << 24) + 8, 3 << 23};
    struct fb_random random = {fb_test_number("FB_SEED", 6)};
    struct fb_ring *ring = aligned_alloc(FB_CACHE_LINE, sizeof *ring);

    CHECK(ring != NULL);
    for (size_t i = 0; i < sizeof max_spans / sizeof *max_spans; i++) {
        const uint64_t body = ((uint64_t)1 << 25) - 4096 - FB_RECORD_HEADER - max_spans[i];

        for (uint64_t count = 1; count < FB_MAX_SEGMENTS - 2; count++) {
            const uint64_t capacity = count * (body - fb_random_between(&random, 0, 5000));

            memset(ring, 0, sizeof *ring);
            CHECK_EQ(fb_ring_init(ring, capacity, max_spans[i]), FB_OK);
            CHECK(ring->segment_bytes <= FB_SEGMENT_MAX_BYTES);
            CHECK((uint64_t)ring->segment_bytes * ring->segment_count > capacity + 2 * (uint64_t)max_spans[i]);
            fb_ring_destroy(ring);
        }
    }
    free(ring);
}

static void
test_what_no_ring_holds_is_refused(void)
{
    struct fb_ring *ring = aligned_alloc(FB_CACHE_LINE, sizeof *ring);

    CHECK(ring != NULL);
    memset(ring, 0, sizeof *ring);
    CHECK_EQ(fb_ring_init(ring, 1000, FB_SEGMENT_MAX_BYTES), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_ring_init(ring, 1000, UINT32_MAX), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_ring_init(ring, (uint64_t)FB_MAX_SEGMENTS << 25, 32), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_ring_init(ring, UINT64_MAX, 32), FB_ERR_ARGUMENT);
    fb_ring_destroy(ring);
    free(ring);
}

int
main(void)
{
    test_budget_is_met_before_segments_run_out();
    test_every_capacity_up_to_the_largest_is_accepted();
    test_what_no_ring_holds_is_refused();
    return 0;
}
