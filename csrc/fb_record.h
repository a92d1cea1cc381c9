/*
 * fb_record.h: the bytes of one record in a segment.
 *
 *      0        4        8                16               24
 *      +--------+--------+----------------+----------------+--------------------+-------+
 *      | word   | crc32c | sequence       | time_ns        | message ...        | pad   |
 *      +--------+--------+----------------+----------------+--------------------+-------+
 *                                                                               to 8 bytes
 *
 *   word      0 until the record is committed; then FB_COMMITTED | length of the message, or FB_PADDING for what is left
 *             at the end of a sealed segment
 *   crc32c    of the message; 0 in a segment of anonymous memory, which cannot be damaged
 *   sequence  number of the message in its core, from 0, without gaps
 *   time_ns   when it was appended, nanoseconds since 1970
 */
#ifndef FB_RECORD_H
#define FB_RECORD_H

#include "fb_common.h"

#define FB_COMMITTED ((uint32_t)1 << 31)
#define FB_PADDING ((uint32_t)1 << 30)
#define FB_LENGTH_MASK (FB_PADDING - 1)

struct fb_record {
    _Atomic uint32_t word;
    uint32_t crc32c;
    uint64_t sequence;
    int64_t time_ns;
};

#define FB_RECORD_HEADER ((uint32_t)sizeof(struct fb_record))

_Static_assert(sizeof(struct fb_record) == 24, "the diagram above says so");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a record is committed without a lock");

/* What a message of this length occupies, and what the byte budget is charged for it. The only such formula. */
static inline uint64_t
fb_record_span(uint64_t message_length)
{
    return fb_align8(FB_RECORD_HEADER + message_length);
}

static inline char *
fb_record_message(struct fb_record *record)
{
    return (char *)(record + 1);
}

static inline uint32_t
fb_record_length(struct fb_record *record)
{
    /* Relaxed: the caller saw the record committed under A_DATA; the word never changes after that. */
    return atomic_load_explicit(&record->word, memory_order_relaxed) & FB_LENGTH_MASK;
}

#endif
