#include "fb_test.h"

#include "../fastbatch.h"
#include "../fb_record.h"

#define MAX_MESSAGE 1000
#define MANY 64

static const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
static const struct fb_envelope envelope = {"[", "{", "]", 1, 1, 1};

static struct fb_core *
new_core(uint64_t max_queue_bytes)
{
    struct fb_core *core = NULL;

    CHECK_EQ(fb_core_new(max_queue_bytes, MAX_MESSAGE, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
    return core;
}

/* A message of this length, "{......}"; it stays until the next call. */
static const char *
message_of(size_t length)
{
    static char text[2 * MAX_MESSAGE];

    memset(text, '.', sizeof text);
    text[0] = '{';
    text[length - 1] = '}';
    return text;
}

static int
append(struct fb_core *core, size_t length)
{
    return fb_core_append(core, 0, message_of(length), length, 1000);
}

static uint32_t
take(struct fb_core *core, fb_ref *refs)
{
    struct fb_batch batch;
    const int count = fb_core_take(core, MANY, 0, NULL, NULL, refs, &batch);

    CHECK(count >= 0);
    return (uint32_t)count;
}

static void
test_budget_is_exact(void)
{
    struct fb_random random = {fb_test_number("FB_SEED", 7)};

    for (int round = 0; round < 300; round++) {
        const uint64_t budget = fb_random_between(&random, 100, 20000);
        struct fb_core *core = new_core(budget);
        fb_ref *refs = fb_test_memory(MANY * sizeof *refs);
        struct fb_snapshot snapshot;
        uint64_t used = 0;

        for (int step = 0; step < 100; step++) {
            const uint32_t length = fb_random_between(&random, 3, MAX_MESSAGE);
            const uint64_t span = fb_record_span(length);

            CHECK_EQ(append(core, length), used + span > budget ? FB_ERR_FULL : FB_OK);
            used += used + span > budget ? 0 : span;
            fb_core_snapshot(core, &snapshot);
            CHECK_EQ(snapshot.used_bytes, used);
            CHECK_EQ(snapshot.pending_bytes, used);
        }
        while (take(core, refs) > 0)
            ;
        fb_core_snapshot(core, &snapshot);
        CHECK_EQ(snapshot.pending_bytes, 0);
        CHECK_EQ(snapshot.used_bytes, used);
        free(refs);
        fb_core_free(core);
    }
}

static void
test_last_byte_of_the_budget_can_be_used(void)
{
    struct fb_core *core = new_core(5 * fb_record_span(40));
    fb_ref refs[MANY];

    for (int round = 0; round < 5000; round++) {
        for (int i = 0; i < 5; i++)
            CHECK_EQ(append(core, 40), FB_OK);
        CHECK_EQ(append(core, 3), FB_ERR_FULL);
        CHECK_EQ(take(core, refs), 5);
        CHECK_EQ(append(core, 3), FB_ERR_FULL);
        fb_core_acknowledge(core, refs, 5);
    }
    fb_core_free(core);
}

static void
test_arguments_out_of_range(void)
{
    struct fb_core *core = NULL, *good = new_core(100000);

    CHECK_EQ(fb_core_new(1000, 0, 0, &core), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_new(1000, UINT32_MAX, 0, &core), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_new(1000, 1 << 29, 0, &core), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_new(UINT64_MAX, 1000, 0, &core), FB_ERR_ARGUMENT);
    CHECK(core == NULL);
    CHECK_EQ(fb_core_append(good, -1, "{.}", 3, 0), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_append(good, 1, "{.}", 3, 0), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_append(good, 0, "{}", 2, 0), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_append(good, 0, "{.}", 3, -1), FB_ERR_ARGUMENT);
    CHECK(fb_core_entry(good, -1) == NULL);
    CHECK(fb_core_entry(good, 1) == NULL);
    for (int i = 1; i < 1024; i++)
        CHECK_EQ(fb_core_add_template(good, parts, 3), i);
    CHECK_EQ(fb_core_add_template(good, parts, 3), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_core_append(good, 1023, "{.}", 3, 0), FB_OK);
    CHECK_EQ(fb_push(fb_core_entry(good, 1023), "{.}"), FB_OK);
    CHECK_EQ(fb_push(fb_core_entry(good, 1023), "{}"), FB_ERR_ARGUMENT);
    fb_core_free(good);
    fb_core_free(NULL);
}

static void
test_too_large_and_closed(void)
{
    struct fb_core *core = new_core(100000);
    struct fb_snapshot snapshot;
    fb_ref refs[MANY];

    CHECK_EQ(append(core, MAX_MESSAGE), FB_OK);
    CHECK_EQ(append(core, MAX_MESSAGE + 1), FB_ERR_TOO_LARGE);
    CHECK_EQ(fb_core_append(core, 0, message_of(3), SIZE_MAX, 0), FB_ERR_TOO_LARGE);
    fb_core_close(core);
    fb_core_close(core);
    CHECK_EQ(append(core, 10), FB_ERR_CLOSED);
    fb_core_snapshot(core, &snapshot);
    CHECK_EQ(snapshot.accepted, 1);
    CHECK_EQ(snapshot.used_bytes, fb_record_span(MAX_MESSAGE));
    CHECK_EQ(snapshot.pending_bytes, fb_record_span(MAX_MESSAGE));
    CHECK_EQ(fb_core_arm(core, 2, UINT64_MAX), FB_OK);
    CHECK_EQ(take(core, refs), 1);
    fb_core_acknowledge(core, refs, 1);
    fb_core_snapshot(core, &snapshot);
    CHECK_EQ(snapshot.used_bytes, 0);
    fb_core_free(core);
}

static void
test_first_message_that_does_not_fit_stays(void)
{
    struct fb_core *core = new_core(100000);
    char body[MAX_MESSAGE];
    struct fb_batch batch;
    const char *message;
    uint64_t length;
    uint32_t message_length;
    fb_ref refs[MANY];

    CHECK_EQ(append(core, 500), FB_OK);
    CHECK_EQ(append(core, 10), FB_OK);
    CHECK_EQ(fb_core_take(core, MANY, 501, &envelope, body, refs, &batch), FB_ERR_TOO_LARGE);
    CHECK_EQ(fb_core_take(core, MANY, 1, &envelope, body, refs, &batch), FB_ERR_TOO_LARGE);
    CHECK_EQ(fb_core_take(core, MANY, 512, &envelope, body, refs, &batch), 1);
    CHECK_EQ(batch.body_length, 502);
    CHECK_EQ(batch.first_sequence, 0);
    CHECK_EQ(fb_core_frame(core, refs, 1, &envelope, body, 501, &length), FB_ERR_TOO_LARGE);
    CHECK_EQ(fb_core_frame(core, refs, 1, &envelope, body, 502, &length), FB_OK);
    CHECK_EQ(length, 502);
    CHECK_EQ(fb_core_take(core, MANY, 0, NULL, NULL, refs + 1, &batch), 1);
    CHECK_EQ(batch.body_length, 0);
    CHECK_EQ(batch.first_sequence, 1);
    CHECK_EQ(fb_core_frame(core, refs, 2, &envelope, body, 512, &length), FB_ERR_TOO_LARGE);
    CHECK_EQ(fb_core_frame(core, refs, 2, &envelope, body, 513, &length), FB_OK);
    CHECK_EQ(length, 513);
    CHECK_EQ(fb_core_frame(core, refs + 1, 1, &envelope, body, sizeof body, &length), FB_OK);
    CHECK_BYTES(body, length, "[{........}]");
    CHECK_EQ(fb_core_read(core, refs[1], &message, &message_length), FB_OK);
    CHECK_BYTES(message, message_length, "{........}");
    CHECK_EQ(fb_core_take(core, MANY, 512, &envelope, body, refs, &batch), 0);
    fb_core_free(core);
}

static void
test_limits_of_a_batch(void)
{
    struct fb_core *core = new_core(100000);
    char body[64];
    struct fb_batch batch;
    fb_ref refs[MANY];

    for (int i = 0; i < 6; i++)
        CHECK_EQ(fb_core_append(core, 0, "{abc}", 5, 100 + i), FB_OK);
    CHECK_EQ(fb_core_take(core, 0, sizeof body, &envelope, body, refs, &batch), 0);
    CHECK_EQ(fb_core_take(core, 2, sizeof body, &envelope, body, refs, &batch), 2);
    CHECK_BYTES(body, batch.body_length, "[{abc},{abc}]");
    CHECK_EQ(fb_core_take(core, MANY, 18, &envelope, body, refs + 2, &batch), 2);
    CHECK_EQ(batch.body_length, 13);
    CHECK_EQ(batch.first_sequence, 2);
    CHECK_EQ(batch.oldest_ns, 102);
    CHECK_EQ(fb_core_take(core, MANY, 19, &envelope, body, refs + 4, &batch), 2);
    CHECK_EQ(batch.count, 2);
    fb_core_free(core);
}

static void
test_snapshot_counts(void)
{
    struct fb_core *core = new_core(100000);
    const uint64_t span = fb_record_span(20);
    struct fb_snapshot snapshot;
    struct fb_batch batch;
    fb_ref refs[MANY];

    fb_core_snapshot(core, &snapshot);
    CHECK_EQ(snapshot.accepted + snapshot.taken + snapshot.used_bytes + snapshot.pending_bytes, 0);
    CHECK_EQ(snapshot.oldest_ns, 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(fb_core_append(core, 0, message_of(20), 20, 1000 + i), FB_OK);
    CHECK_EQ(fb_core_take(core, 3, 0, NULL, NULL, refs, &batch), 3);
    fb_core_acknowledge(core, refs + 1, 1);
    fb_core_snapshot(core, &snapshot);
    CHECK_EQ(snapshot.accepted, 5);
    CHECK_EQ(snapshot.taken, 3);
    CHECK_EQ(snapshot.used_bytes, 4 * span);
    CHECK_EQ(snapshot.pending_bytes, 2 * span);
    CHECK_EQ(snapshot.oldest_ns, 1003);
    fb_core_free(core);
}

static void
test_one_append_wakes_an_armed_sender(void)
{
    struct fb_core *core = new_core(100000);
    const uint64_t span = fb_record_span(20);
    fb_ref refs[MANY];

    /* Nobody asked. */
    CHECK_EQ(append(core, 20), FB_OK);
    /* By messages: the one that is there counts. */
    CHECK_EQ(fb_core_arm(core, 3, UINT64_MAX), FB_OK);
    CHECK_EQ(append(core, 20), FB_OK);
    CHECK_EQ(append(core, 20), FB_WAKE);
    CHECK_EQ(append(core, 20), FB_OK);
    /* There already: no append wakes then. */
    CHECK_EQ(fb_core_arm(core, 4, UINT64_MAX), FB_WAKE);
    CHECK_EQ(append(core, 20), FB_OK);
    /* What is taken does not wait any more, acknowledged or not. */
    CHECK_EQ(take(core, refs), 5);
    CHECK_EQ(fb_core_arm(core, 1, UINT64_MAX), FB_OK);
    CHECK_EQ(append(core, 20), FB_WAKE);
    fb_core_acknowledge(core, refs, 5);
    CHECK_EQ(take(core, refs), 1);
    /* By bytes, to the byte. */
    CHECK_EQ(fb_core_arm(core, 1000, 2 * span), FB_OK);
    CHECK_EQ(append(core, 20), FB_OK);
    CHECK_EQ(append(core, 20), FB_WAKE);
    CHECK_EQ(fb_core_arm(core, 1000, 2 * span + 1), FB_OK);
    CHECK_EQ(append(core, 3), FB_WAKE);
    fb_core_free(core);
}

/* A refused append neither counts as waiting nor takes the mark. */
static void
test_refused_append_wakes_nobody(void)
{
    struct fb_core *core = new_core(3 * fb_record_span(20));
    fb_ref refs[MANY];

    CHECK_EQ(append(core, 20), FB_OK);
    CHECK_EQ(append(core, 20), FB_OK);
    CHECK_EQ(take(core, refs), 2);
    CHECK_EQ(fb_core_arm(core, 1, UINT64_MAX), FB_OK);
    CHECK_EQ(append(core, 100), FB_ERR_FULL);
    CHECK_EQ(append(core, 20), FB_WAKE);
    fb_core_free(core);
}

int
main(void)
{
    test_budget_is_exact();
    test_last_byte_of_the_budget_can_be_used();
    test_arguments_out_of_range();
    test_too_large_and_closed();
    test_first_message_that_does_not_fit_stays();
    test_limits_of_a_batch();
    test_snapshot_counts();
    test_one_append_wakes_an_armed_sender();
    test_refused_append_wakes_nobody();
    return 0;
}
