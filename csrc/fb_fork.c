#include "fb_fork.h"

#include <pthread.h>

_Atomic uint32_t fb_forks;
static bool is_counted;

static void
count_fork(void)
{
    /* Relaxed: as in fb_fork_count(). */
    atomic_fetch_add_explicit(&fb_forks, 1, memory_order_relaxed);
}

/* When we are loaded, which is before there is a core and is done by one thread: nothing has to be locked that a fork in
 * another thread would leave locked. A C library that can unload us, as Python never does, drops the handler with us. */
__attribute__((constructor)) static void
register_handler(void)
{
    is_counted = pthread_atfork(NULL, NULL, count_fork) == 0;
}

bool
fb_fork_is_counted(void)
{
    return is_counted;
}
