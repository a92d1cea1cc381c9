/*
 * Closing is exact: when fb_core_close() has returned and nothing is pending, nothing comes any more. A sender that drains
 * until then has taken every message that an append has accepted, also those that were under way.
 */
#include "fb_test.h"

#include <sched.h>

#include "../fastbatch.h"

#define PRODUCERS 3
#define MAX_BATCH 64

static struct fb_core *core;

/* Appends until the core is closed. Returns the count by its argument. */
static void *
produce(void *argument)
{
    uint64_t *accepted = argument;
    int result;

    while ((result = fb_core_append(core, 0, "{abc}", 5, 0)) != FB_ERR_CLOSED) {
        CHECK(result >= FB_OK || result == FB_ERR_FULL);
        *accepted += result >= FB_OK;
    }
    return NULL;
}

static uint64_t
drain(void)
{
    struct fb_snapshot snapshot;
    struct fb_batch batch;
    fb_ref refs[MAX_BATCH];
    uint64_t taken = 0;

    do {
        const int count = fb_core_take(core, MAX_BATCH, 0, NULL, NULL, refs, &batch);

        CHECK(count >= 0);
        fb_core_acknowledge(core, refs, (uint32_t)count);
        taken += (uint64_t)count;
        fb_core_snapshot(core, &snapshot);
    } while (snapshot.pending_bytes > 0);
    return taken;
}

int
main(void)
{
    const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
    const int64_t end_ns = fb_test_now_ns() + (int64_t)fb_test_number("FB_STRESS_SECONDS", 2) * 1000000000;
    struct fb_random random = {fb_test_number("FB_SEED", 400)};

    while (fb_test_now_ns() < end_ns) {
        const int64_t close_ns = fb_random_between(&random, 0, 300000);
        uint64_t accepted[PRODUCERS] = {0}, taken, sum = 0;
        pthread_t threads[PRODUCERS];
        int64_t begin;

        CHECK_EQ(fb_core_new(20000, 1000, 1, &core), FB_OK);
        CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
        for (int i = 0; i < PRODUCERS; i++)
            threads[i] = fb_test_start(produce, &accepted[i]);
        begin = fb_test_now_ns();
        taken = 0;
        while (fb_test_now_ns() - begin < close_ns)
            taken += drain();
        fb_core_close(core);
        taken += drain();
        for (int i = 0; i < PRODUCERS; i++) {
            fb_test_join(threads[i]);
            sum += accepted[i];
        }
        CHECK_EQ(taken, sum);
        fb_core_free(core);
    }
    return 0;
}
