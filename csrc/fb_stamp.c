#include "fb_stamp.h"

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
    for (int i = 0; i < 8; i++)
        out[i] = (char)(x >> 8 * i);
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

static char *
put_decimal(char *out, uint32_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

/* The proleptic Gregorian date of a day counted from 1970-01-01, in years that begin in March so that the leap day is last. */
static void
date_of_day(uint64_t day, uint32_t *year, uint32_t *month, uint32_t *mday)
{
    const uint64_t shifted = day + 719468; /* days from 0000-03-01 */
    const uint64_t era = shifted / 146097;
    const uint32_t day_of_era = (uint32_t)(shifted % 146097);
    const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t march_month = (5 * day_of_year + 2) / 153;

    *mday = day_of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = (uint32_t)(era * 400) + year_of_era + (*month <= 2);
}

void
fb_stamp_timestamp(char *out, int64_t now_ns, int digits)
{
    const uint64_t second = (uint64_t)now_ns / NS_PER_SECOND;
    const uint32_t micros = (uint32_t)((uint64_t)now_ns % NS_PER_SECOND / 1000);
    const uint32_t of_day = (uint32_t)(second % SECONDS_PER_DAY);
    uint32_t year, month, mday;

    date_of_day(second / SECONDS_PER_DAY, &year, &month, &mday);
    out = put_decimal(out, year, 4);
    *out++ = '-';
    out = put_decimal(out, month, 2);
    *out++ = '-';
    out = put_decimal(out, mday, 2);
    *out++ = 'T';
    out = put_decimal(out, of_day / 3600, 2);
    *out++ = ':';
    out = put_decimal(out, of_day / 60 % 60, 2);
    *out++ = ':';
    out = put_decimal(out, of_day % 60, 2);
    *out++ = '.';
    out = put_decimal(out, digits == 3 ? micros / 1000 : micros, digits);
    *out = 'Z';
}
