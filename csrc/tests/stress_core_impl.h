/*
 * stress_core_impl.h: one body for all stress tests of a core (DPDK's idea). A test defines what differs and includes it:
 *
 *   PRODUCERS, CONSUMERS           threads
 *   QUEUE_BYTES, LARGEST_MESSAGE   the core's bounds; small ones make it rotate and refuse more often
 *   IS_PINNED                      the first batch is acknowledged only at the end
 *
 * A message is '{', its id, the producer's number, the message's number there, bytes that follow from the two, '}'. So a
 * consumer knows each message's whole contents, and its id says its sequence.
 */
#include "fb_test.h"

#include <sched.h>
#include <stdatomic.h>

#include "../fastbatch.h"
#include "../fb_record.h"
#include "../fb_stamp.h"

#ifndef IS_PINNED
#define IS_PINNED 0
#endif

#define SEED UINT64_C(0x5eed)
#define MAX_BATCH 64
#define HELD 8 /* batches that a consumer keeps before it acknowledges one of them */
#define BODY_BYTES (MAX_BATCH * 1024 + 2 * LARGEST_MESSAGE)
#define FIXED_LENGTH (2 + FB_UUID_LENGTH + 12)

struct held_batch {
    uint32_t count;
    uint64_t sum; /* of the body */
    fb_ref refs[MAX_BATCH];
};

/* What the threads of one kind counted; `sums` says which sequences, and which numbers of which producer. */
struct tally {
    uint64_t count, refused, batches;
    uint64_t sequence_sum;
    uint64_t number_sum;
};

struct consumer {
    struct tally tally;
    struct fb_random random;
    struct held_batch held[HELD];
    struct held_batch pinned;
    uint32_t held_count;
    int number;
    uint32_t next_number[PRODUCERS];
    char body[BODY_BYTES], again[BODY_BYTES];
};

struct producer {
    struct tally tally;
    struct fb_random random;
    uint32_t number;
};

static struct fb_core *core;
static atomic_bool is_stopping, is_finished;
static const struct fb_envelope envelope = {"<", "(", ">", 1, 1, 1};

/* Two different sets of numbers have different sums, but for one chance in 2^64. */
static uint64_t
mix(uint64_t number)
{
    struct fb_random random = {number};

    return fb_random_next(&random);
}

static uint64_t
sum_of(const char *bytes, uint64_t length)
{
    uint64_t sum = 1469598103934665603u;

    for (uint64_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 1099511628211u;
    return sum;
}

/* Writes a producer's fields. Returns their length. */
static uint32_t
write_fields(char *fields, uint32_t producer, uint32_t number)
{
    const uint64_t draw = mix((uint64_t)producer << 32 | number);
    const uint32_t most = draw % 8 == 0 ? LARGEST_MESSAGE - FIXED_LENGTH : (LARGEST_MESSAGE - FIXED_LENGTH) / 8;
    const uint32_t fill = (uint32_t)(draw >> 8) % (most + 1);

    fields[0] = '{';
    memcpy(fields + 1, &producer, 4);
    memcpy(fields + 5, &number, 4);
    memcpy(fields + 9, &fill, 4);
    memset(fields + 13, (int)('a' + draw % 26), fill);
    fields[13 + fill] = '}';
    return 14 + fill;
}

static void *
produce(void *argument)
{
    struct producer *producer = argument;
    char fields[LARGEST_MESSAGE];
    uint32_t number = 0;

    /* Relaxed: only the mark, and soon is enough. */
    while (!atomic_load_explicit(&is_stopping, memory_order_relaxed)) {
        const uint32_t length = write_fields(fields, producer->number, number);
        const int result = fb_core_append(core, 0, fields, length, number);

        if (result == FB_ERR_FULL) {
            producer->tally.refused++;
            sched_yield();
            continue;
        }
        CHECK(result == FB_OK);
        producer->tally.number_sum += mix((uint64_t)producer->number << 32 | number);
        producer->tally.count++;
        number++;
    }
    return NULL;
}

/* Checks one message of known sequence, to the last byte. */
static void
check_message(struct consumer *consumer, uint64_t sequence, const char *message, uint32_t length)
{
    char expected[LARGEST_MESSAGE], id[FB_UUID_LENGTH];
    uint32_t producer, number;

    memcpy(&producer, message + 1 + FB_UUID_LENGTH, 4);
    memcpy(&number, message + 5 + FB_UUID_LENGTH, 4);
    CHECK(producer < PRODUCERS);
    CHECK(number >= consumer->next_number[producer]);
    CHECK(CONSUMERS > 1 || number == consumer->next_number[producer]);
    consumer->next_number[producer] = number + 1;
    CHECK_EQ(length, write_fields(expected, producer, number) + FB_UUID_LENGTH);
    CHECK(memcmp(message + 1 + FB_UUID_LENGTH, expected + 1, length - FB_UUID_LENGTH - 1) == 0);
    fb_stamp_uuid(id, number, fb_stamp_random(SEED, sequence));
    CHECK(memcmp(message + 1, id, FB_UUID_LENGTH) == 0);
    consumer->tally.sequence_sum += mix(sequence);
    consumer->tally.number_sum += mix((uint64_t)producer << 32 | number);
    consumer->tally.count++;
}

/* Checks a batch: its messages, and that the body holds exactly them. */
static void
check_batch(struct consumer *consumer, const struct fb_batch *batch, const fb_ref *refs)
{
    const char *at = consumer->body;

    CHECK(*at++ == '<');
    for (uint32_t i = 0; i < batch->count; i++) {
        const char *message;
        uint32_t length;

        CHECK_EQ(fb_core_read(core, refs[i], &message, &length), FB_OK);
        check_message(consumer, batch->first_sequence + i, message, length);
        CHECK(i == 0 || *at++ == ',');
        CHECK(*at++ == '(');
        CHECK(memcmp(at, message + 1, length - 1) == 0);
        at += length - 1;
    }
    CHECK(*at++ == '>');
    CHECK_EQ(at - consumer->body, batch->body_length);
}

/* Frames a batch that was kept once more, as a retry does: not a byte has changed. Then acknowledges it. */
static void
finish_batch(struct consumer *consumer, const struct held_batch *held)
{
    uint64_t length;

    CHECK_EQ(fb_core_frame(core, held->refs, held->count, &envelope, consumer->again, BODY_BYTES, &length), FB_OK);
    CHECK(sum_of(consumer->again, length) == held->sum);
    fb_core_acknowledge(core, held->refs, held->count);
}

static void
finish_any(struct consumer *consumer)
{
    const uint32_t chosen = fb_random_between(&consumer->random, 0, consumer->held_count - 1);

    finish_batch(consumer, &consumer->held[chosen]);
    consumer->held[chosen] = consumer->held[--consumer->held_count];
}

/* Takes a batch, checks it and keeps it. False when there was none. */
static bool
take_batch(struct consumer *consumer)
{
    const uint32_t max_messages = fb_random_between(&consumer->random, 1, MAX_BATCH);
    struct held_batch *held = &consumer->held[consumer->held_count];
    struct fb_batch batch;
    const int count = fb_core_take(core, max_messages, BODY_BYTES, &envelope, consumer->body, held->refs, &batch);

    CHECK(count >= 0);
    if (count == 0)
        return false;
    check_batch(consumer, &batch, held->refs);
    held->count = batch.count;
    held->sum = sum_of(consumer->body, batch.body_length);
    consumer->tally.batches++;
    if (IS_PINNED && consumer->number == 0 && consumer->tally.batches == 1)
        consumer->pinned = *held;
    else
        consumer->held_count++;
    return true;
}

static void *
consume(void *argument)
{
    struct consumer *consumer = argument;

    for (;;) {
        const bool is_last = atomic_load_explicit(&is_finished, memory_order_acquire); /* A_FINISHED: all appends. */
        const bool has_taken = take_batch(consumer);

        if (consumer->held_count == HELD || (!has_taken && consumer->held_count > 0))
            finish_any(consumer);
        else if (!has_taken && is_last)
            break;
        else if (!has_taken)
            sched_yield();
    }
    if (consumer->pinned.count > 0)
        finish_batch(consumer, &consumer->pinned);
    return NULL;
}

static void
make_core(void)
{
    const struct fb_part parts[] = {
        {FB_LITERAL, 1, "{"}, {FB_MESSAGE_ID, 0, NULL}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};

    CHECK_EQ(fb_core_new(QUEUE_BYTES, LARGEST_MESSAGE, SEED, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 4), 0);
}

/* Adds up what all threads counted: nothing is lost, doubled or made up. */
static void
check_tallies(const struct producer *producers, const struct consumer *consumers)
{
    struct tally in = {0}, out = {0};
    struct fb_snapshot snapshot;

    for (int i = 0; i < PRODUCERS; i++) {
        in.count += producers[i].tally.count;
        in.refused += producers[i].tally.refused;
        in.number_sum += producers[i].tally.number_sum;
    }
    for (int i = 0; i < CONSUMERS; i++) {
        out.count += consumers[i].tally.count;
        out.batches += consumers[i].tally.batches;
        out.number_sum += consumers[i].tally.number_sum;
        out.sequence_sum += consumers[i].tally.sequence_sum;
    }
    for (uint64_t sequence = 0; sequence < in.count; sequence++)
        in.sequence_sum += mix(sequence);
    fb_core_snapshot(core, &snapshot);
    CHECK(in.count > 0);
    CHECK_EQ(out.count, in.count);
    CHECK(out.number_sum == in.number_sum);
    CHECK(out.sequence_sum == in.sequence_sum);
    CHECK_EQ(snapshot.accepted, in.count);
    CHECK_EQ(snapshot.taken, in.count);
    CHECK_EQ(snapshot.used_bytes, 0);
    CHECK_EQ(snapshot.pending_bytes, 0);
    if (getenv("FB_VERBOSE") != NULL)
        printf("accepted %" PRIu64 " refused %" PRIu64 " batches %" PRIu64 "\n", in.count, in.refused, out.batches);
}

int
main(void)
{
    static struct producer producers[PRODUCERS];
    static struct consumer consumers[CONSUMERS];
    const struct timespec duration = {(time_t)fb_test_number("FB_STRESS_SECONDS", 2), 0};
    pthread_t threads[PRODUCERS + CONSUMERS];

    make_core();
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i].number = i;
        consumers[i].random.state = fb_test_number("FB_SEED", 100) + (uint64_t)i;
        threads[PRODUCERS + i] = fb_test_start(consume, &consumers[i]);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].number = (uint32_t)i;
        threads[i] = fb_test_start(produce, &producers[i]);
    }
    nanosleep(&duration, NULL);
    /* Relaxed: see produce(). */
    atomic_store_explicit(&is_stopping, true, memory_order_relaxed);
    for (int i = 0; i < PRODUCERS; i++)
        fb_test_join(threads[i]);
    /* R_FINISHED: a consumer that finds nothing after this has seen all. */
    atomic_store_explicit(&is_finished, true, memory_order_release);
    for (int i = 0; i < CONSUMERS; i++)
        fb_test_join(threads[PRODUCERS + i]);
    check_tallies(producers, consumers);
    fb_core_free(core);
    return 0;
}
