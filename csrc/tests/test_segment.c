#include "fb_test.h"

#include "../fb_segment.h"

#define SIZE 4096

static _Alignas(4096) unsigned char memory[SIZE];

/* A segment of generation `generation`, open for records from `first_sequence`. */
static struct fb_segment
new_segment(uint32_t generation, uint64_t first_sequence)
{
    struct fb_segment segment = {.base = memory, .size = SIZE};

    memset(memory, 0, SIZE);
    atomic_init(&segment.tail, FB_SEALED);
    atomic_init(&segment.first_sequence, 0);
    fb_segment_open(&segment, generation, first_sequence);
    return segment;
}

/* Claims and commits everything up to `offset`, in records of 32 bytes and one last that is larger. Returns their count. */
static uint32_t
fill_to(struct fb_segment *segment, uint32_t generation, uint32_t offset)
{
    struct fb_claim claim = {0, 0};
    uint32_t end = 0, count = 0;

    while (end < offset) {
        const uint32_t span = offset - end < 64 ? offset - end : 32;

        CHECK_EQ(fb_segment_claim(segment, generation, span, &claim), FB_CLAIM_OK);
        CHECK_EQ(claim.offset, end);
        fb_segment_commit(fb_segment_record(segment, claim.offset), span - FB_RECORD_HEADER);
        end += span;
        count++;
    }
    return count;
}

static void
test_claims_follow_each_other_and_are_numbered(void)
{
    struct fb_segment segment = new_segment(1, 100);
    struct fb_claim claim;

    CHECK_EQ(fb_segment_claim(&segment, 1, 32, &claim), FB_CLAIM_OK);
    CHECK_EQ(claim.offset, 0);
    CHECK_EQ(claim.sequence, 100);
    CHECK_EQ(fb_segment_claim(&segment, 1, 40, &claim), FB_CLAIM_OK);
    CHECK_EQ(claim.offset, 32);
    CHECK_EQ(claim.sequence, 101);
    CHECK_EQ(fb_segment_claim(&segment, 1, 64, &claim), FB_CLAIM_OK);
    CHECK_EQ(claim.offset, 72);
    CHECK_EQ(claim.sequence, 102);
}

static void
test_word_is_zero_until_the_record_is_committed(void)
{
    struct fb_segment segment = new_segment(1, 0);
    struct fb_claim claim;

    CHECK_EQ(fb_segment_claim(&segment, 1, 32, &claim), FB_CLAIM_OK);
    CHECK_EQ(fb_segment_word(&segment, 0), 0);
    fb_segment_commit(fb_segment_record(&segment, 0), 8);
    CHECK_EQ(fb_segment_word(&segment, 0), FB_COMMITTED | 8);
    CHECK_EQ(fb_record_length(fb_segment_record(&segment, 0)), 8);
}

/* What is left at the end when a segment is sealed: nothing, too little for a header, exactly a header, more. */
static void
test_sealing_pads_what_is_left(void)
{
    static const uint32_t left_over[] = {0, 8, 16, FB_RECORD_HEADER, 32, 1000, SIZE - 32};

    for (size_t i = 0; i < sizeof left_over / sizeof *left_over; i++) {
        const uint32_t left = left_over[i], end = SIZE - left;
        struct fb_segment segment = new_segment(7, 50);
        struct fb_claim claim;
        const uint32_t count = fill_to(&segment, 7, end);
        uint64_t end_sequence = 0;

        CHECK_EQ(fb_segment_claim(&segment, 7, left + 8, &claim), FB_CLAIM_NO_ROOM);
        CHECK(fb_segment_seal(&segment, 7, &end_sequence));
        CHECK_EQ(end_sequence, 50 + count);
        CHECK_EQ(fb_segment_word(&segment, end), FB_PADDING);
        CHECK_EQ(fb_segment_claim(&segment, 7, 32, &claim), FB_CLAIM_NO_ROOM);

        fb_segment_drain(&segment, end);
        CHECK_EQ(segment.records, count);
        CHECK(!fb_segment_is_spent(&segment));
        segment.acknowledged = count;
        CHECK(fb_segment_is_spent(&segment));
        fb_segment_recycle(&segment);
        for (uint32_t byte = 0; byte < SIZE; byte++)
            CHECK_EQ(memory[byte], 0);
    }
}

static void
test_exact_fit_is_taken(void)
{
    struct fb_segment segment = new_segment(1, 0);
    struct fb_claim claim;

    CHECK_EQ(fb_segment_claim(&segment, 1, SIZE + 8, &claim), FB_CLAIM_NO_ROOM);
    CHECK_EQ(fb_segment_claim(&segment, 1, SIZE, &claim), FB_CLAIM_OK);
    CHECK_EQ(fb_segment_claim(&segment, 1, 32, &claim), FB_CLAIM_NO_ROOM);
}

/* A second producer that finds the segment sealed learns where the next one begins, and does not touch the padding. */
static void
test_sealing_twice_answers_the_same(void)
{
    struct fb_segment segment = new_segment(1, 9);
    uint64_t first = 0, second = 0;

    fill_to(&segment, 1, 96);
    CHECK(fb_segment_seal(&segment, 1, &first));
    memset(memory + 96, 0, FB_RECORD_HEADER);
    CHECK(fb_segment_seal(&segment, 1, &second));
    CHECK_EQ(second, first);
    CHECK_EQ(fb_segment_word(&segment, 96), 0);
}

/* A producer that slept through a recycling gets nothing, and seals nothing. */
static void
test_another_generation_is_stale(void)
{
    struct fb_segment segment = new_segment(5, 0);
    struct fb_claim claim;
    uint64_t end_sequence;

    CHECK_EQ(fb_segment_claim(&segment, 4, 32, &claim), FB_CLAIM_STALE);
    CHECK(!fb_segment_seal(&segment, 4, &end_sequence));
    CHECK(!fb_segment_end(&segment, 4, &end_sequence));
    CHECK_EQ(fb_segment_claim(&segment, 5, 32, &claim), FB_CLAIM_OK);
    CHECK_EQ(claim.offset, 0);
    CHECK(fb_segment_end(&segment, 5, &end_sequence));
    CHECK_EQ(end_sequence, 1);
    fb_segment_unopen(&segment);
    CHECK_EQ(fb_segment_claim(&segment, 5, 32, &claim), FB_CLAIM_NO_ROOM);
}

/* The tail holds 22 bits of the generation, and the ring 32: they must agree in every life. */
static void
test_generation_wraps(void)
{
    static const uint32_t generations[] = {(1 << FB_GENERATION_BITS) - 1, 1 << FB_GENERATION_BITS, UINT32_MAX, 0};

    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        struct fb_segment segment = new_segment(generations[i], 0);
        struct fb_claim claim;

        CHECK_EQ(fb_segment_claim(&segment, generations[i] - 1, 32, &claim), FB_CLAIM_STALE);
        CHECK_EQ(fb_segment_claim(&segment, generations[i], 32, &claim), FB_CLAIM_OK);
        CHECK_EQ(claim.sequence, 0);
    }
}

/* The largest segment, full of the smallest records: neither their count nor the offset leaves its bits. */
static void
test_largest_segment_counts_all_its_records(void)
{
    const uint32_t size = FB_SEGMENT_MAX_BYTES / 8 * 8, smallest = (uint32_t)fb_record_span(1);
    struct fb_segment segment = {.base = NULL, .size = size};
    struct fb_claim claim = {0, 0};
    uint64_t end_sequence = 0;

    CHECK_EQ(smallest, 32);
    atomic_init(&segment.tail, FB_SEALED);
    atomic_init(&segment.first_sequence, 0);
    fb_segment_open(&segment, UINT32_MAX, (uint64_t)1 << 40);
    for (uint32_t i = 0; i < size / smallest; i++) {
        CHECK_EQ(fb_segment_claim(&segment, UINT32_MAX, smallest, &claim), FB_CLAIM_OK);
        CHECK_EQ(claim.offset, i * smallest);
        CHECK_EQ(claim.sequence, ((uint64_t)1 << 40) + i);
    }
    CHECK_EQ(fb_segment_claim(&segment, UINT32_MAX, smallest, &claim), FB_CLAIM_NO_ROOM);
    CHECK(fb_segment_end(&segment, UINT32_MAX, &end_sequence));
    CHECK_EQ(end_sequence, ((uint64_t)1 << 40) + size / smallest);
}

int
main(void)
{
    test_claims_follow_each_other_and_are_numbered();
    test_word_is_zero_until_the_record_is_committed();
    test_sealing_pads_what_is_left();
    test_exact_fit_is_taken();
    test_sealing_twice_answers_the_same();
    test_another_generation_is_stale();
    test_generation_wraps();
    test_largest_segment_counts_all_its_records();
    return 0;
}
