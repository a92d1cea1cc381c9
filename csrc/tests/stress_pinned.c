/* The first batch is in retry from the beginning to the end. */
#define PRODUCERS 3
#define CONSUMERS 2
#define QUEUE_BYTES 500000
#define LARGEST_MESSAGE 20000
#define IS_PINNED 1
#include "stress_core_impl.h"
