/*
 * The budget is exact among threads: each has at most one message outstanding, and the budget is one message for each. So
 * no append may be refused, and no more may wait than there are threads, which fb_core_arm() must never claim.
 */
#include "fb_test.h"

#include <sched.h>
#include <stdatomic.h>

#include "../fastbatch.h"
#include "../fb_record.h"

#define THREADS 3
#define MESSAGE_LENGTH 200

static struct fb_core *core;
static atomic_bool is_stopping;

static void *
append_and_take(void *argument)
{
    char message[MESSAGE_LENGTH];
    struct fb_batch batch;
    fb_ref ref;
    int count;

    (void)argument;
    memset(message, '.', sizeof message);
    message[0] = '{';
    /* Relaxed: only the mark. */
    while (!atomic_load_explicit(&is_stopping, memory_order_relaxed)) {
        CHECK(fb_core_append(core, 0, message, MESSAGE_LENGTH, 0) >= FB_OK);
        CHECK_EQ(fb_core_arm(core, THREADS + 1, THREADS * fb_record_span(MESSAGE_LENGTH) + 1), FB_OK);
        while ((count = fb_core_take(core, 1, 0, NULL, NULL, &ref, &batch)) == 0)
            sched_yield();
        CHECK_EQ(count, 1);
        fb_core_acknowledge(core, &ref, 1);
    }
    return NULL;
}

int
main(void)
{
    const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
    const struct timespec duration = {(time_t)fb_test_number("FB_STRESS_SECONDS", 2), 0};
    pthread_t threads[THREADS];

    CHECK_EQ(fb_core_new(THREADS * fb_record_span(MESSAGE_LENGTH), MESSAGE_LENGTH, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = fb_test_start(append_and_take, NULL);
    nanosleep(&duration, NULL);
    /* Relaxed: as above. */
    atomic_store_explicit(&is_stopping, true, memory_order_relaxed);
    for (int i = 0; i < THREADS; i++)
        fb_test_join(threads[i]);
    fb_core_free(core);
    return 0;
}
