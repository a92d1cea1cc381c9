/*
 * fb_fork.h: how many forks lie between the process that loaded us and this one.
 *
 * It notices every fork() of the C library, on every system, also one that Python hears nothing of. What it does not notice,
 * a clone() past the library, the wiped pages of fb_map.h do.
 */
#ifndef FB_FORK_H
#define FB_FORK_H

#include "fb_common.h"

/* Counted in the child, before fork() returns there. */
extern __attribute__((visibility("hidden"))) _Atomic uint32_t fb_forks;

static inline uint32_t
fb_fork_count(void)
{
    /* Relaxed: it changes only while the child has a single thread, before any other of its threads begins. */
    return atomic_load_explicit(&fb_forks, memory_order_relaxed);
}

/* False when there was no memory to register the handler: forks are not counted then. */
bool fb_fork_is_counted(void);

#endif
