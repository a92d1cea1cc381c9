/*
 * fb_test.h: what every test of the core needs: checks that name their line, reproducible random numbers, threads, and
 * the seed and duration from the environment (FB_SEED, FB_STRESS_SECONDS).
 *
 * Include it first: it asks for the POSIX names that -std=c11 hides.
 */
#ifndef FB_TEST_H
#define FB_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Checks end the process: what a test finds after its first surprise means little. */
#define CHECK(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define CHECK_EQ(actual, expected)                                                                                     \
    do {                                                                                                               \
        const int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                                    \
        if (actual_ != expected_) {                                                                                    \
            fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", __FILE__, __LINE__, #actual, actual_,       \
                    expected_);                                                                                        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define CHECK_BYTES(actual, length, expected)                                                                          \
    do {                                                                                                               \
        const char *actual_ = (actual), *expected_ = (expected);                                                       \
        const size_t length_ = (size_t)(length);                                                                       \
        if (length_ != strlen(expected_) || memcmp(actual_, expected_, length_) != 0) {                                \
            fprintf(stderr, "%s:%d: %s is \"%.*s\", not \"%s\"\n", __FILE__, __LINE__, #actual, (int)length_, actual_, \
                    expected_);                                                                                        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* splitmix64: small, and the same on every machine. */
struct fb_random {
    uint64_t state;
};

static inline uint64_t
fb_random_next(struct fb_random *random)
{
    uint64_t x = random->state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* From `low` to `high`, both included. */
static inline uint32_t
fb_random_between(struct fb_random *random, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(fb_random_next(random) % (high - low + 1));
}

static inline uint64_t
fb_test_number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static inline int64_t
fb_test_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline pthread_t
fb_test_start(void *(*body)(void *), void *argument)
{
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

static inline void
fb_test_join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static inline void *
fb_test_memory(size_t bytes)
{
    void *memory = calloc(1, bytes);

    CHECK(memory != NULL);
    return memory;
}

#endif
