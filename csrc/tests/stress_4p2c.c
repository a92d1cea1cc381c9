/* More threads than cores on both sides. */
#define PRODUCERS 4
#define CONSUMERS 2
#define QUEUE_BYTES 1000000
#define LARGEST_MESSAGE 2000
#include "stress_core_impl.h"
