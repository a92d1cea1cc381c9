/* fb_map.h: memory for a segment. */
#ifndef FB_MAP_H
#define FB_MAP_H

#include <stddef.h>

/*
 * Returns zeroed pages of anonymous memory, or NULL. A child finds them zeroed again where the system can do that (Linux
 * 4.14), however it was made: it must not send what its parent will, and the parent is spared the copies of pages it writes
 * to.
 */
void *fb_map_new(size_t bytes);
void fb_map_free(void *pages, size_t bytes);

#endif
