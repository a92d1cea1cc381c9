#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include "fb_clock.h"

#include <time.h>

int64_t
fb_clock_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
