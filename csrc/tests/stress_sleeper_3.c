/* The last of three completes what the sleeper asked for, in messages or in bytes. */
#define PRODUCERS 3
#include "stress_sleeper_impl.h"
