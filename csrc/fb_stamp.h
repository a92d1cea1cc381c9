/* fb_stamp.h: message ids and timestamps, written as text straight into a record. */
#ifndef FB_STAMP_H
#define FB_STAMP_H

#include <stdint.h>

#define FB_UUID_LENGTH 36
#define FB_TIMESTAMP_MS_LENGTH 24
#define FB_TIMESTAMP_US_LENGTH 27

/*
 * The 62 random bits of an id. Adding the sequence to a random seed and mixing is a bijection of 62 bits, so no two
 * sequences of one core share an id, whatever the clock does.
 */
uint64_t fb_stamp_random(uint64_t seed, uint64_t sequence);

/* Writes a UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 of the millisecond's fraction, `random`. now_ns is not negative. */
void fb_stamp_uuid(char *out, int64_t now_ns, uint64_t random);

/* Writes RFC 3339 in UTC with 3 or 6 digits of a second: 24 or 27 characters. */
void fb_stamp_timestamp(char *out, int64_t now_ns, int digits);

#endif
