/*
 * fb_ring.h: the ring of segments. Producers fill the active segment and rotate to any free one; consumers walk the
 * segments in the order in which they were active; a segment is free again when all its records are acknowledged, in
 * whatever order that happens, so a batch that is being retried holds up one segment and nobody behind it.
 *
 * Producers never wait: whoever finds the active segment full seals it and publishes the next, and where two do so one
 * of them wins and the other goes on with the winner's. Consumers share a mutex, once a batch.
 *
 * The active segment is one word, generation << 32 | index. A generation is the segment's number in the order of
 * activity; `history` remembers which segment had it.
 *
 * Ordering. A_X acquires what R_X releases; S_SLEEP is sequentially consistent.
 *
 *   label      object            written by  what the edge carries
 *   R/A_ACTIVE active            producer    the segment's opening, and `history` up to the generation before
 *   R/A_FREE   free_segments     consumer    the segment's bytes are zero and nobody reads them any more
 *   R/A_SPENT  free_segments     producer    a segment is ours alone to open
 *   R/A_OPEN, R/A_DATA           see fb_segment.h
 *   S_SLEEP    tails, active     producer    order of a claim against a sleeper's mark (fb_core.c)
 */
#ifndef FB_RING_H
#define FB_RING_H

#include <pthread.h>

#include "fastbatch.h"
#include "fb_segment.h"

#define FB_MAX_SEGMENTS 64

struct fb_ring {
    struct fb_segment *segments;
    uint32_t segment_count;
    uint32_t segment_bytes;

    /* Producers. */
    alignas(FB_CACHE_LINE) _Atomic uint64_t active;
    _Atomic uint64_t free_segments; /* bit i: segment i is recycled */
    _Atomic uint64_t history[FB_MAX_SEGMENTS];

    /* Consumers. */
    alignas(FB_CACHE_LINE) pthread_mutex_t lock;
    uint32_t generation; /* of the segment that is read */
    uint32_t index;
    uint32_t offset;
    uint64_t taken;       /* records */
    uint64_t taken_bytes; /* their spans */
};

/*
 * Makes room for `capacity` bytes of records, of at most `max_span` each, whatever their sizes: the ring is larger by two
 * segments and by what sealing may waste, so that in order of arrival the byte budget is met before the segments run out.
 */
int fb_ring_init(struct fb_ring *ring, uint64_t capacity, uint32_t max_span);
void fb_ring_destroy(struct fb_ring *ring);

/* Claims `span` bytes. FB_OK or FB_ERR_FULL. */
int fb_ring_claim(struct fb_ring *ring, uint32_t span, struct fb_record **record, uint64_t *sequence);

/* The next record that is committed and not taken, or NULL. Under the lock. */
struct fb_record *fb_ring_peek(struct fb_ring *ring);

/* Takes the record that fb_ring_peek() returned. Under the lock. */
fb_ref fb_ring_take(struct fb_ring *ring, struct fb_record *record);

/* Acknowledges records that were taken, and returns the sum of their spans. */
uint64_t fb_ring_acknowledge(struct fb_ring *ring, const fb_ref *refs, uint32_t count);

/* How many records were ever claimed. Under the lock. */
uint64_t fb_ring_accepted(struct fb_ring *ring);

static inline struct fb_record *
fb_ring_record(struct fb_ring *ring, fb_ref ref)
{
    return fb_segment_record(&ring->segments[ref >> 32], (uint32_t)ref);
}

#endif
