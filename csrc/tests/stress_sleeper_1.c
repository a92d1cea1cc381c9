/* One producer, on its own processor: it claims while the sleeper arms, again and again. */
#define PRODUCERS 1
#include "stress_sleeper_impl.h"
