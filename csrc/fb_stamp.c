#include "fb_stamp.h"

#include <stdbool.h>
#include <string.h>

#define NS_PER_MS 1000000
#define NS_PER_SECOND 1000000000
#define SECONDS_PER_DAY 86400
#define MASK_62 (((uint64_t)1 << 62) - 1)

uint64_t
fb_stamp_random(uint64_t seed, uint64_t sequence)
{
    /* Every step can be undone in 62 bits: an odd factor has an inverse, and so has a right shift that is xored in. The
     * factors are those of splitmix64. */
    uint64_t x = (seed + sequence) & MASK_62;

    x ^= x >> 30;
    x = (x * 0xbf58476d1ce4e5b9u) & MASK_62;
    x ^= x >> 27;
    x = (x * 0x94d049bb133111ebu) & MASK_62;
    x ^= x >> 31;
    return x;
}

/* One store where bytes are stored the least significant first, which compilers see. */
static void
put_little_endian(char *out, uint64_t x)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(x >> 8 * i);
    memcpy(out, bytes, sizeof bytes);
}

/* Writes 8 hexadecimal digits at once: the digits are spread to a byte each, then made characters without a branch. */
static void
put_hex8(char *out, uint32_t value)
{
    uint64_t x = value;

    x = (x & 0xffff) << 32 | x >> 16;
    x = (x & 0x000000ff000000ffu) << 16 | (x & 0x0000ff000000ff00u) >> 8;
    x = (x & 0x000f000f000f000fu) << 8 | (x & 0x00f000f000f000f0u) >> 4;
    /* 39 lies between the characters after '9' and 'a'; adding 6 carries into bit 4 for 10 to 15. */
    x += 0x3030303030303030u + 39 * (((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u);
    put_little_endian(out, x);
}

void
fb_stamp_uuid(char *out, int64_t now_ns, uint64_t random)
{
    const uint64_t ms = (uint64_t)now_ns / NS_PER_MS;
    const uint64_t fraction = ((uint64_t)now_ns % NS_PER_MS) * 4096 / NS_PER_MS;
    char digits[32];

    put_hex8(digits, (uint32_t)(ms >> 16));
    put_hex8(digits + 8, (uint32_t)((ms & 0xffff) << 16 | 0x7000 | fraction)); /* version 7 */
    put_hex8(digits + 16, (uint32_t)(0x80000000u | random >> 32));             /* variant 10 */
    put_hex8(digits + 24, (uint32_t)random);
    memcpy(out, digits, 8);
    out[8] = '-';
    memcpy(out + 9, digits + 8, 4);
    out[13] = '-';
    memcpy(out + 14, digits + 12, 4);
    out[18] = '-';
    memcpy(out + 19, digits + 16, 4);
    out[23] = '-';
    memcpy(out + 24, digits + 20, 12);
}

/* The digits of 0 to 99. */
static const char PAIRS[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
                            "49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
                            "9899";

static void
put_pair(char *out, uint32_t value)
{
    memcpy(out, &PAIRS[2 * value], 2);
}

/*
 * The proleptic Gregorian date of a day counted from 1970-01-01, in years that begin in March so that the leap day is last.
 * Each unit's number is (a * n + b) / c for the n that is left of the unit above, and the remainder tells what is left for
 * the unit below: Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms", 2022.
 */
static void
date_of_day(uint32_t day, uint32_t *year, uint32_t *month, uint32_t *mday)
{
    const uint32_t quarters = 4 * (day + 719468) + 3; /* of days from 0000-03-01 */
    const uint32_t century = quarters / 146097;
    const uint32_t of_century = quarters % 146097 | 3;
    const uint64_t scaled = (uint64_t)2939745 * of_century; /* 2939745 / 2^32 is 1 / 1461, near enough */
    const uint32_t day_of_year = (uint32_t)scaled / 2939745 / 4;
    const uint32_t months = 2141 * day_of_year + 197913; /* 2141 / 2^16 is 1 / 30.6, near enough */
    const bool is_next_year = day_of_year >= 306;        /* January and February */

    *mday = months % 65536 / 2141 + 1;
    *month = months / 65536 - (is_next_year ? 12 : 0);
    *year = century * 100 + (uint32_t)(scaled >> 32) + is_next_year;
}

void
fb_stamp_timestamp(char *out, int64_t now_ns, int digits)
{
    const uint64_t second = (uint64_t)now_ns / NS_PER_SECOND;
    const uint32_t micros = (uint32_t)((uint64_t)now_ns % NS_PER_SECOND / 1000);
    const uint32_t of_day = (uint32_t)(second % SECONDS_PER_DAY);
    uint32_t year, month, mday;

    date_of_day((uint32_t)(second / SECONDS_PER_DAY), &year, &month, &mday);
    memcpy(out, "0000-00-00T00:00:00.000000Z", digits == 3 ? FB_TIMESTAMP_MS_LENGTH - 1 : FB_TIMESTAMP_US_LENGTH);
    put_pair(out, year / 100);
    put_pair(out + 2, year % 100);
    put_pair(out + 5, month);
    put_pair(out + 8, mday);
    put_pair(out + 11, of_day / 3600);
    put_pair(out + 14, of_day / 60 % 60);
    put_pair(out + 17, of_day % 60);
    put_pair(out + 20, micros / 10000);
    if (digits == 3) {
        out[22] = (char)('0' + micros / 1000 % 10);
        out[23] = 'Z';
        return;
    }
    put_pair(out + 22, micros / 100 % 100);
    put_pair(out + 24, micros % 100);
}
