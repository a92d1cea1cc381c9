#include "fb_test.h"

#include "../fb_stamp.h"

#define SECOND INT64_C(1000000000)

static void
check_timestamp(int64_t now_ns, const char *ms, const char *us)
{
    char text[FB_TIMESTAMP_US_LENGTH + 1];

    memset(text, '#', sizeof text);
    fb_stamp_timestamp(text, now_ns, 3);
    CHECK_BYTES(text, FB_TIMESTAMP_MS_LENGTH, ms);
    CHECK(text[FB_TIMESTAMP_MS_LENGTH] == '#');
    fb_stamp_timestamp(text, now_ns, 6);
    CHECK_BYTES(text, FB_TIMESTAMP_US_LENGTH, us);
    CHECK(text[FB_TIMESTAMP_US_LENGTH] == '#');
}

static void
test_known_timestamps(void)
{
    check_timestamp(0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000Z");
    /* Digits that do not fit are cut off, not rounded: a timestamp is never in the future. */
    check_timestamp(1, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000Z");
    check_timestamp(999999999, "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:00.999999Z");
    check_timestamp(86399 * SECOND + 1001001, "1970-01-01T23:59:59.001Z", "1970-01-01T23:59:59.001001Z");
    check_timestamp(86400 * SECOND, "1970-01-02T00:00:00.000Z", "1970-01-02T00:00:00.000000Z");
    /* Years by four, by a hundred, by four hundred. */
    check_timestamp(68169600 * SECOND, "1972-02-29T00:00:00.000Z", "1972-02-29T00:00:00.000000Z");
    check_timestamp(946684799 * SECOND, "1999-12-31T23:59:59.000Z", "1999-12-31T23:59:59.000000Z");
    check_timestamp(946684800 * SECOND, "2000-01-01T00:00:00.000Z", "2000-01-01T00:00:00.000000Z");
    check_timestamp(951782400 * SECOND, "2000-02-29T00:00:00.000Z", "2000-02-29T00:00:00.000000Z");
    check_timestamp(951868800 * SECOND, "2000-03-01T00:00:00.000Z", "2000-03-01T00:00:00.000000Z");
    check_timestamp(1709164800 * SECOND, "2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000000Z");
    check_timestamp(1735689599 * SECOND + 999999999, "2024-12-31T23:59:59.999Z", "2024-12-31T23:59:59.999999Z");
    check_timestamp(4107542399 * SECOND, "2100-02-28T23:59:59.000Z", "2100-02-28T23:59:59.000000Z");
    check_timestamp(4107542400 * SECOND, "2100-03-01T00:00:00.000Z", "2100-03-01T00:00:00.000000Z");
    check_timestamp(INT64_MAX, "2262-04-11T23:47:16.854Z", "2262-04-11T23:47:16.854775Z");
}

/* Counts every day until 2261 the way a calendar on the wall does. */
static void
test_every_day_follows_the_one_before(void)
{
    static const int days_of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1970, month = 1, mday = 1;

    for (int64_t day = 0; year < 2262; day++) {
        const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        char expected[64], text[FB_TIMESTAMP_MS_LENGTH];

        snprintf(expected, sizeof expected, "%04d-%02d-%02dT12:34:56.789Z", year, month, mday);
        fb_stamp_timestamp(text, (day * 86400 + 45296) * SECOND + 789000000, 3);
        CHECK_BYTES(text, sizeof text, expected);
        if (mday++ == days_of_month[month - 1] + (month == 2 && is_leap)) {
            mday = 1;
            if (month++ == 12) {
                month = 1;
                year++;
            }
        }
    }
}

static void
test_uuid_has_the_layout_of_version_7(void)
{
    char text[FB_UUID_LENGTH + 1];

    memset(text, '#', sizeof text);
    fb_stamp_uuid(text, 0, 0);
    CHECK_BYTES(text, FB_UUID_LENGTH, "00000000-0000-7000-8000-000000000000");
    CHECK(text[FB_UUID_LENGTH] == '#');
    fb_stamp_uuid(text, 0, ((uint64_t)1 << 62) - 1);
    CHECK_BYTES(text, FB_UUID_LENGTH, "00000000-0000-7000-bfff-ffffffffffff");
    /* The millisecond and the random bits of the example in RFC 9562, appendix A.6; half a millisecond is 0x800 of 0xfff. */
    fb_stamp_uuid(text, INT64_C(0x017f22e279b0) * 1000000 + 500000, UINT64_C(0x18c4dc0c0c07398f));
    CHECK_BYTES(text, FB_UUID_LENGTH, "017f22e2-79b0-7800-98c4-dc0c0c07398f");
    fb_stamp_uuid(text, 999999, 0);
    CHECK_BYTES(text, FB_UUID_LENGTH, "00000000-0000-7fff-8000-000000000000");
}

/* Sorting by id is sorting by time, down to a quarter of a microsecond. */
static void
test_uuids_sort_by_time(void)
{
    struct fb_random random = {fb_test_number("FB_SEED", 1)};
    char expected[64], before[FB_UUID_LENGTH], after[FB_UUID_LENGTH];
    int64_t now_ns = INT64_C(1700000000) * SECOND;

    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = fb_random_next(&random) >> 2, ms = (uint64_t)now_ns / 1000000;

        fb_stamp_uuid(before, now_ns, bits);
        snprintf(expected, sizeof expected, "%08x-%04x-7%03x-%04x-%012" PRIx64, (unsigned)(ms >> 16),
                 (unsigned)(ms & 0xffff), (unsigned)((uint64_t)now_ns % 1000000 * 4096 / 1000000),
                 (unsigned)(0x8000 | bits >> 48), bits & 0xffffffffffff);
        CHECK_BYTES(before, FB_UUID_LENGTH, expected);
        now_ns += 250 + fb_random_between(&random, 0, 10000000);
        fb_stamp_uuid(after, now_ns, fb_random_next(&random) >> 2);
        CHECK(memcmp(before, after, FB_UUID_LENGTH) < 0);
    }
}

static int
compare_numbers(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Undoes fb_stamp_random() step by step: that it can be undone is what makes ids unique. */
static uint64_t
undo_random(uint64_t x)
{
    const uint64_t mask = ((uint64_t)1 << 62) - 1, factors[] = {0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu};
    uint64_t inverses[2];

    for (int i = 0; i < 2; i++) {
        inverses[i] = factors[i];
        for (int step = 0; step < 6; step++)
            inverses[i] *= 2 - factors[i] * inverses[i];
    }
    x ^= x >> 31;
    x = (x * inverses[1]) & mask;
    x ^= x >> 27 ^ x >> 54;
    x = (x * inverses[0]) & mask;
    return x ^ x >> 30 ^ x >> 60;
}

static void
test_random_bits_never_repeat(void)
{
    enum { COUNT = 1 << 18 };
    struct fb_random random = {fb_test_number("FB_SEED", 2)};
    const uint64_t seed = fb_random_next(&random), mask = ((uint64_t)1 << 62) - 1;
    uint64_t *values = fb_test_memory(COUNT * sizeof *values);

    for (uint64_t i = 0; i < COUNT; i++) {
        values[i] = fb_stamp_random(seed, i);
        CHECK(values[i] <= mask);
        CHECK(undo_random(values[i]) == ((seed + i) & mask));
    }
    qsort(values, COUNT, sizeof *values, compare_numbers);
    for (int i = 1; i < COUNT; i++)
        CHECK(values[i - 1] != values[i]);
    free(values);
    /* The seed's two top bits do not count, and a sum that leaves 62 bits wraps. */
    CHECK(fb_stamp_random(mask, 1) == fb_stamp_random(0, 0));
}

int
main(void)
{
    test_known_timestamps();
    test_every_day_follows_the_one_before();
    test_uuid_has_the_layout_of_version_7();
    test_uuids_sort_by_time();
    test_random_bits_never_repeat();
    return 0;
}
