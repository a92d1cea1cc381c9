/*
 * fb_segment.h: one fixed piece of the ring.
 *
 * Its life: open (producers claim space and commit records), sealed (they no longer can), drained (all its records are
 * taken), recycled (all of them are acknowledged, its bytes are zero again).
 *
 * Claims move one word, the tail, by compare-and-swap:
 *
 *      63          42 41          22 21           0
 *      +-------------+--------------+-------------+
 *      | generation  | records      | offset / 8  |      offset / 8 == FB_SEALED: no more claims
 *      +-------------+--------------+-------------+
 *
 * A swap rather than a fetch-and-add, because a producer that slept through a recycling then fails on the generation
 * instead of claiming space in a segment that is no longer, or not yet, the active one; and because the word also counts
 * the records, which numbers them without a gap and without a second atomic operation.
 *
 * Ordering. A_X acquires what R_X releases; see fb_ring.h for the ring's own.
 *
 *   label    object       written by  what the edge carries
 *   R/A_OPEN tail         producer    the segment's zeroed bytes and its first sequence
 *   R/A_DATA record word  producer    one record: header and message
 */
#ifndef FB_SEGMENT_H
#define FB_SEGMENT_H

#include "fb_record.h"

#define FB_OFFSET_BITS 22
#define FB_RECORDS_BITS 20
#define FB_GENERATION_BITS 22
#define FB_SEALED (((uint64_t)1 << FB_OFFSET_BITS) - 1)

/* Below 32 MiB an offset stays below FB_SEALED, and records of at least 32 bytes stay countable. Whole pages. */
#define FB_SEGMENT_MAX_BYTES (((uint32_t)1 << 25) - 4096)

struct fb_segment {
    unsigned char *base; /* zeroed, page-aligned */
    uint32_t size;       /* bytes, a multiple of 8 */

    /* Producers. */
    alignas(FB_CACHE_LINE) _Atomic uint64_t tail;
    _Atomic uint64_t first_sequence;

    /* Consumers, under the ring's lock. */
    alignas(FB_CACHE_LINE) uint32_t acknowledged; /* records */
    uint32_t records;                              /* valid when drained */
    uint32_t used;                                 /* bytes that are not zero, valid when drained */
    bool drained;
};

enum fb_claim_result {
    FB_CLAIM_OK,
    FB_CLAIM_NO_ROOM, /* sealed, or what is left is too short */
    FB_CLAIM_STALE    /* the segment is in another generation */
};

struct fb_claim {
    uint32_t offset;
    uint64_t sequence;
};

/* Makes a recycled segment the home of records from `first_sequence`. */
void fb_segment_open(struct fb_segment *segment, uint32_t generation, uint64_t first_sequence);

/* Closes a segment that was opened and not published. */
void fb_segment_unopen(struct fb_segment *segment);

enum fb_claim_result fb_segment_claim(struct fb_segment *segment, uint32_t generation, uint32_t span,
                                      struct fb_claim *out);

/* Makes a claimed record visible to consumers. */
void fb_segment_commit(struct fb_record *record, uint32_t message_length);

/*
 * Ends the claims of one generation; the caller that does it fills what is left with padding. Returns false when the
 * segment is in another generation; otherwise *end_sequence is that of the first record of the next segment.
 */
bool fb_segment_seal(struct fb_segment *segment, uint32_t generation, uint64_t *end_sequence);

/* The word of the record at `offset`: 0 while it is not committed. */
uint32_t fb_segment_word(struct fb_segment *segment, uint32_t offset);

/* Notes that every record is taken; `used` is where the last one ends. The segment is sealed. */
void fb_segment_drain(struct fb_segment *segment, uint32_t used);

/* True when every record is taken and acknowledged. */
bool fb_segment_is_spent(const struct fb_segment *segment);

/* Zeroes a spent segment. */
void fb_segment_recycle(struct fb_segment *segment);

/* Sequence after that of the newest claimed record of this generation; false when it is in another. Under the ring's lock. */
bool fb_segment_end(struct fb_segment *segment, uint32_t generation, uint64_t *end_sequence);

static inline struct fb_record *
fb_segment_record(struct fb_segment *segment, uint32_t offset)
{
    return (struct fb_record *)(void *)(segment->base + offset);
}

#endif
