/* Messages of up to half a segment: it rotates every few messages, and pads each time. */
#define PRODUCERS 3
#define CONSUMERS 2
#define QUEUE_BYTES 400000
#define LARGEST_MESSAGE 60000
#include "stress_core_impl.h"
