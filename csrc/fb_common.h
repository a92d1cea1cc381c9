/* fb_common.h: what every file of the core needs: alignment, branch hints, and the seam of the allocator. */
#ifndef FB_COMMON_H
#define FB_COMMON_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FB_CACHE_LINE 64

#define FB_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define FB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Compiled with FB_TEST_ALLOCATOR, the tests put an allocator in place that fails when they say so. */
#ifdef FB_TEST_ALLOCATOR
void *fb_test_calloc(size_t count, size_t size);
bool fb_test_map_fails(void);
#define fb_calloc(count, size) fb_test_calloc(count, size)
#else
#define fb_calloc(count, size) calloc(count, size)
#endif
#define fb_free(pointer) free(pointer)

static inline uint64_t
fb_align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

#endif
