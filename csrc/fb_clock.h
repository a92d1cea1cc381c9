/* fb_clock.h: the system's time, for the one call that is made once an event; everywhere else the time is an argument. */
#ifndef FB_CLOCK_H
#define FB_CLOCK_H

#include <stdint.h>

/* Nanoseconds since 1970. */
int64_t fb_clock_now_ns(void);

#endif
