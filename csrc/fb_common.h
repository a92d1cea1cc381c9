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

/* Every piece of memory is asked for by one of two functions, here and in fb_map.c. Compiled with FB_TEST_ALLOCATOR, the
 * tests say which request fails. */
#ifdef FB_TEST_ALLOCATOR
bool fb_test_request_fails(void);
#else
static inline bool
fb_test_request_fails(void)
{
    return false;
}
#endif

/* Returns zeroed memory that begins on a cache line, or NULL. Give it back with fb_free(). */
static inline void *
fb_new(size_t size)
{
    /* C11 wants a multiple of the alignment. */
    const size_t bytes = (size + FB_CACHE_LINE - 1) / FB_CACHE_LINE * FB_CACHE_LINE;
    void *memory = fb_test_request_fails() ? NULL : aligned_alloc(FB_CACHE_LINE, bytes);

    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

static inline void
fb_free(void *memory)
{
    free(memory);
}

static inline uint64_t
fb_align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

#endif
