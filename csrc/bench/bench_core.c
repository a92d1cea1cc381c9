/*
 * bench_core.c: nanoseconds a record.
 *
 *     producers  bytes   append only    with a consumer
 *
 * `append only` fills a queue that is large enough, whose memory was used before. `with a consumer` appends while one more
 * thread takes, frames and acknowledges batches of 500 KB; an append that finds the queue full tries again, so that the
 * slower side counts. Each figure is the least of ROUNDS, wall time over all records of all producers.
 */
#include "../tests/fb_test.h"

#include <sched.h>
#include <stdatomic.h>

#include "../fastbatch.h"
#include "../fb_record.h"

#define ROUNDS 5
#define RECORDS 240000
#define MAX_PRODUCERS 4
#define LARGEST 2000
#define BODY_BYTES 500000
#define MAX_BATCH 10000

struct job {
    struct fb_core *core;
    uint32_t length, records;
    pthread_barrier_t *start;
};

static void *
produce(void *argument)
{
    const struct job *job = argument;
    char fields[LARGEST];

    memset(fields, 'x', sizeof fields);
    fields[0] = '{';
    fields[job->length - 1] = '}';
    pthread_barrier_wait(job->start);
    for (uint32_t i = 0; i < job->records;) {
        const int result = fb_core_append(job->core, 0, fields, job->length, INT64_C(1700000000000000000));

        if (result == FB_ERR_FULL)
            sched_yield();
        else
            i++;
    }
    return NULL;
}

/* Takes, frames and acknowledges as many records. */
static void *
consume(void *argument)
{
    static char body[BODY_BYTES];
    static fb_ref refs[MAX_BATCH];
    const struct fb_envelope envelope = {"{\"batch\":[", "{", "]}", 10, 1, 2};
    const struct job *job = argument;
    struct fb_batch batch;

    pthread_barrier_wait(job->start);
    for (uint32_t taken = 0; taken < job->records;) {
        const int count = fb_core_take(job->core, MAX_BATCH, BODY_BYTES, &envelope, body, refs, &batch);

        CHECK(count >= 0);
        if (count == 0)
            sched_yield();
        fb_core_acknowledge(job->core, refs, (uint32_t)count);
        taken += (uint32_t)count;
    }
    return NULL;
}

/* The fields' length that makes a message of `size` bytes: the template adds an id and a timestamp. */
static struct fb_core *
make_core(uint64_t queue_bytes, uint32_t size, uint32_t *length)
{
    const struct fb_part parts[] = {
        {FB_LITERAL, 7, "{\"id\":\""}, {FB_MESSAGE_ID, 0, NULL},  {FB_LITERAL, 8, "\",\"at\":\""},
        {FB_TIMESTAMP_MS, 0, NULL},    {FB_LITERAL, 2, "\","},    {FB_FIELDS, 0, NULL},
        {FB_LITERAL, 1, "}"},
    };
    struct fb_core *core;

    CHECK_EQ(fb_core_new(queue_bytes, LARGEST, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 7), 0);
    *length = size - (7 + 36 + 8 + 24 + 2 + 1) + 2;
    return core;
}

/* Fills the queue and empties it again, so that the system has given it its memory. */
static void
warm_up(const struct job *job)
{
    pthread_barrier_t start;
    struct job alone = *job;

    CHECK_EQ(pthread_barrier_init(&start, NULL, 1), 0);
    alone.start = &start;
    (void)produce(&alone);
    (void)consume(&alone);
    pthread_barrier_destroy(&start);
}

/* One round; returns ns a record. */
static double
run(uint32_t producers, uint32_t size, bool has_consumer)
{
    const uint64_t all_bytes = fb_record_span(size) * RECORDS;
    const uint32_t each = RECORDS / producers;
    struct job job = {NULL, 0, each, NULL}, consumer_job;
    pthread_t threads[MAX_PRODUCERS + 1];
    const uint32_t count = producers + has_consumer;
    pthread_barrier_t start;
    int64_t begin;

    job.core = make_core(has_consumer ? 16000000 : all_bytes, size, &job.length);
    CHECK_EQ(pthread_barrier_init(&start, NULL, count + 1), 0);
    job.start = &start;
    consumer_job = job;
    consumer_job.records = each * producers;
    if (!has_consumer)
        warm_up(&consumer_job);
    for (uint32_t i = 0; i < producers; i++)
        threads[i] = fb_test_start(produce, &job);
    if (has_consumer)
        threads[producers] = fb_test_start(consume, &consumer_job);
    begin = fb_test_now_ns();
    pthread_barrier_wait(&start);
    for (uint32_t i = 0; i < count; i++)
        fb_test_join(threads[i]);
    begin = fb_test_now_ns() - begin;
    pthread_barrier_destroy(&start);
    fb_core_free(job.core);
    return (double)begin / consumer_job.records;
}

int
main(void)
{
    static const uint32_t sizes[] = {100, 320, 1000};

    printf("producers  bytes  append only ns  with a consumer ns\n");
    for (uint32_t producers = 1; producers <= MAX_PRODUCERS; producers++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            double alone = 1e9, together = 1e9;

            for (int round = 0; round < ROUNDS; round++) {
                const double a = run(producers, sizes[i], false), b = run(producers, sizes[i], true);

                alone = a < alone ? a : alone;
                together = b < together ? b : together;
            }
            printf("%9" PRIu32 "  %5" PRIu32 "  %14.1f  %18.1f\n", producers, sizes[i], alone, together);
        }
    return 0;
}
