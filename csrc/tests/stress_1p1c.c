/* The plain case: one of each, with room. */
#define PRODUCERS 1
#define CONSUMERS 1
#define QUEUE_BYTES 4000000
#define LARGEST_MESSAGE 1000
#include "stress_core_impl.h"
