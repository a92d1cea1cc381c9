#define _GNU_SOURCE /* MAP_ANONYMOUS, MADV_WIPEONFORK */
#include "fb_map.h"

#include <sys/mman.h>

#include "fb_common.h"

void *
fb_map_new(size_t bytes)
{
    void *pages;

    if (fb_test_request_fails())
        return NULL;
    pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
#ifdef MADV_WIPEONFORK
    /* Where the kernel is too old this fails; fb_fork.h notices all forks but those past the C library. */
    (void)madvise(pages, bytes, MADV_WIPEONFORK);
#endif
    return pages;
}

void
fb_map_free(void *pages, size_t bytes)
{
    if (pages != NULL)
        (void)munmap(pages, bytes);
}
