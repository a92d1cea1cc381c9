/* A queue of a few messages, full nearly always. */
#define PRODUCERS 4
#define CONSUMERS 2
#define QUEUE_BYTES 3000
#define LARGEST_MESSAGE 600
#include "stress_core_impl.h"
