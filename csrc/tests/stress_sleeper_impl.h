/*
 * stress_sleeper_impl.h: one body for the tests of the wake-up, with PRODUCERS threads that append.
 *
 * No wake-up is lost: the consumer really sleeps, on a semaphore that is posted when an append returns FB_WAKE, and each
 * producer appends one message and goes on only when that is acknowledged. So nobody else comes to rescue a sleeper whose
 * wake-up was lost: it times out.
 */
#include "fb_test.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "../fastbatch.h"
#include "../fb_record.h"

#define MESSAGE_LENGTH 40
#define DEADLINE_SECONDS 20
#define SPINS 500

static struct fb_core *core;
static sem_t wake_up;
static atomic_bool is_stopping; /* set by the consumer, who is awake then: nothing else may wake it */
static atomic_uint acknowledged[PRODUCERS];
static atomic_uint alive;

static void *
produce(void *argument)
{
    const uint32_t producer = (uint32_t)(uintptr_t)argument;
    char message[MESSAGE_LENGTH];
    uint32_t number = 0;

    memset(message, '.', sizeof message);
    message[0] = '{';
    message[MESSAGE_LENGTH - 1] = '}';
    memcpy(message + 1, &producer, 4);
    /* Relaxed: only the mark. */
    while (!atomic_load_explicit(&is_stopping, memory_order_relaxed)) {
        const int result = fb_core_append(core, 0, message, MESSAGE_LENGTH, 0);

        CHECK(result >= FB_OK);
        if (result == FB_WAKE)
            CHECK_EQ(sem_post(&wake_up), 0);
        number++;
        /* Relaxed: only the count. */
        for (uint32_t i = 1; atomic_load_explicit(&acknowledged[producer], memory_order_relaxed) < number; i++)
            if (i % SPINS == 0)
                sched_yield();
    }
    /* Relaxed: only the count. */
    atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
    return NULL;
}

static void
sleep_until_woken(void)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_SECONDS;
    while (sem_timedwait(&wake_up, &deadline) != 0) {
        CHECK(errno != ETIMEDOUT);
        CHECK_EQ(errno, EINTR);
    }
}

/* Takes all that there is. Returns the count. */
static int
drain(void)
{
    struct fb_batch batch;
    fb_ref refs[PRODUCERS];
    const int count = fb_core_take(core, PRODUCERS, 0, NULL, NULL, refs, &batch);
    uint32_t producers[PRODUCERS];

    CHECK(count >= 0);
    for (int i = 0; i < count; i++) {
        const char *message;
        uint32_t length;

        CHECK_EQ(fb_core_read(core, refs[i], &message, &length), FB_OK);
        memcpy(&producers[i], message + 1, 4);
    }
    fb_core_acknowledge(core, refs, (uint32_t)count);
    for (int i = 0; i < count; i++)
        /* Relaxed: only the count. */
        atomic_fetch_add_explicit(&acknowledged[producers[i]], 1, memory_order_relaxed);
    return count;
}

/* Lets the producers be somewhere else each time that we arm: at their claim, past it, all waiting for us. */
static void
linger(struct fb_random *random)
{
    const uint64_t draw = fb_random_next(random);

    if (draw % 64 == 0)
        sched_yield();
    for (uint64_t i = draw >> 32 & 255; i > 0; i--)
        /* Relaxed: only passes the time. */
        (void)atomic_load_explicit(&alive, memory_order_relaxed);
}

/* Takes nothing before enough is there: then all producers wait, and only the last one's append can wake us. */
static void *
consume(void *argument)
{
    const uint64_t span = fb_record_span(MESSAGE_LENGTH);
    struct fb_random random = {fb_test_number("FB_SEED", 300)};
    const int64_t end_ns = fb_test_now_ns() + (int64_t)fb_test_number("FB_STRESS_SECONDS", 2) * 1000000000;
    uint64_t sleeps = 0, *out = argument;

    /* Relaxed: the producers leave after their last append is acknowledged. */
    while (atomic_load_explicit(&alive, memory_order_relaxed) > 0) {
        const bool is_last = fb_test_now_ns() > end_ns;
        const uint32_t enough = is_last ? 1 : fb_random_between(&random, 1, PRODUCERS);
        const bool by_bytes = fb_random_next(&random) % 2;
        int result;

        /* Relaxed: only the mark. */
        atomic_store_explicit(&is_stopping, is_last, memory_order_relaxed);
        linger(&random);
        result = fb_core_arm(core, by_bytes ? UINT32_MAX : enough, by_bytes ? enough * span : UINT64_MAX);

        CHECK(result >= FB_OK);
        if (result == FB_OK && !is_last) {
            sleep_until_woken();
            sleeps++;
        }
        if (drain() == 0)
            sched_yield();
    }
    *out = sleeps;
    return NULL;
}

int
main(void)
{
    const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
    pthread_t consumer, producers[PRODUCERS];
    uint64_t sleeps = 0;

    CHECK_EQ(sem_init(&wake_up, 0, 0), 0);
    atomic_init(&alive, PRODUCERS);
    CHECK_EQ(fb_core_new(100000, 1000, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
    consumer = fb_test_start(consume, &sleeps);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        producers[i] = fb_test_start(produce, (void *)i);
    for (int i = 0; i < PRODUCERS; i++)
        fb_test_join(producers[i]);
    fb_test_join(consumer);
    CHECK(sleeps > 0);
    if (getenv("FB_VERBOSE") != NULL)
        printf("sleeps %" PRIu64 "\n", sleeps);
    fb_core_free(core);
    sem_destroy(&wake_up);
    return 0;
}
