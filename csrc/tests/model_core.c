/*
 * Random operations on a core and on an array that says what must happen. Messages are large against the segments, so
 * that rotation, padding and a full queue are met all the time. FB_SEED and FB_ROUNDS say which rounds are played.
 */
#include "fb_test.h"

#include "../fastbatch.h"
#include "../fb_record.h"
#include "../fb_stamp.h"

#define STEPS 1500
#define MAX_BATCH 32
#define BODY_BYTES 200000

/* Everything that was ever accepted, oldest first. */
struct entry {
    char *message;
    uint32_t length;
    int64_t now_ns;
    bool is_acknowledged;
    fb_ref ref;
};

struct model {
    struct fb_core *core;
    struct fb_random random;
    struct entry entries[STEPS];
    uint64_t seed, budget;
    uint32_t max_message;
    bool in_order;      /* acknowledges oldest first, and then no segment may be missing */
    uint32_t pin_every; /* else, one in so many waits for the end */
    bool is_ending;
    uint32_t accepted, taken, acknowledged;
    uint64_t used, pending, pending_taken; /* bytes */
    bool is_closed, is_armed;
    uint64_t wake_sequence, wake_bytes;
};

/* How often the interesting things happened, to see that they do. */
static struct {
    uint64_t accepted, full, full_out_of_order, too_large, woken, batches, empty;
} met;

static const char id_head[] = "{\"messageId\":\"", id_middle[] = "\",\"at\":\"", id_tail[] = "\",";

static void
add_templates(struct model *model)
{
    const struct fb_part plain[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
    const struct fb_part stamped[] = {
        {FB_LITERAL, sizeof id_head - 1, id_head}, {FB_MESSAGE_ID, 0, NULL},
        {FB_LITERAL, sizeof id_middle - 1, id_middle}, {FB_TIMESTAMP_MS, 0, NULL},
        {FB_LITERAL, sizeof id_tail - 1, id_tail}, {FB_FIELDS, 0, NULL},
        {FB_LITERAL, 1, "}"},
    };

    CHECK_EQ(fb_core_add_template(model->core, plain, 3), 0);
    CHECK_EQ(fb_core_add_template(model->core, stamped, 7), 1);
}

/* What the template makes of the fields, with nothing of the core but the stamps. */
static char *
compose(const struct model *model, int template_number, const char *fields, uint32_t fields_length, int64_t now_ns,
        uint32_t *length)
{
    const size_t room = (size_t)fields_length + 200;
    char *message = fb_test_memory(room), id[FB_UUID_LENGTH], at[FB_TIMESTAMP_MS_LENGTH];
    int prefix = 1;

    message[0] = '{';
    if (template_number == 1) {
        fb_stamp_uuid(id, now_ns, fb_stamp_random(model->seed, model->accepted));
        fb_stamp_timestamp(at, now_ns, 3);
        prefix = snprintf(message, room, "%s%.36s%s%.24s%s", id_head, id, id_middle, at, id_tail);
    }
    memcpy(message + prefix, fields + 1, fields_length - 1);
    *length = (uint32_t)prefix + fields_length - 1;
    return message;
}

static int
expected_result(struct model *model, uint32_t length)
{
    if (model->is_closed)
        return FB_ERR_CLOSED;
    if (length > model->max_message)
        return FB_ERR_TOO_LARGE;
    if (model->used + fb_record_span(length) > model->budget)
        return FB_ERR_FULL;
    if (!model->is_armed || (model->accepted + 1 < model->wake_sequence &&
                             model->pending_taken + model->pending + fb_record_span(length) < model->wake_bytes))
        return FB_OK;
    return FB_WAKE;
}

static void
append(struct model *model)
{
    const bool is_large = fb_random_next(&model->random) % 4 == 0;
    const uint32_t fields_length = fb_random_between(&model->random, 3, is_large ? model->max_message + 2 : 300);
    const int template_number = (int)(fb_random_next(&model->random) % 2);
    const int64_t now_ns = (int64_t)(fb_random_next(&model->random) >> 2);
    struct entry *entry = &model->entries[model->accepted];
    char *fields = fb_test_memory(fields_length);
    int expected, result;

    for (uint32_t i = 1; i + 1 < fields_length; i++)
        fields[i] = (char)('a' + fb_random_next(&model->random) % 26);
    fields[0] = '{';
    fields[fields_length - 1] = '}';
    entry->message = compose(model, template_number, fields, fields_length, now_ns, &entry->length);
    entry->now_ns = now_ns;
    expected = expected_result(model, entry->length);
    result = fb_core_append(model->core, template_number, fields, fields_length, now_ns);
    free(fields);
    met.full += expected == FB_ERR_FULL;
    met.too_large += expected == FB_ERR_TOO_LARGE;
    met.woken += expected == FB_WAKE;
    if (expected >= FB_OK && result == FB_ERR_FULL) {
        CHECK(!model->in_order);
        met.full_out_of_order++;
    } else {
        CHECK_EQ(result, expected);
    }
    if (result < FB_OK) {
        free(entry->message);
        entry->message = NULL;
        return;
    }
    met.accepted++;
    model->is_armed &= result != FB_WAKE;
    model->accepted++;
    model->used += fb_record_span(entry->length);
    model->pending += fb_record_span(entry->length);
}

/* The naive framing of entries; returns the body's length, or 0 when it exceeds max_bytes. */
static uint64_t
frame(const struct model *model, uint32_t first, uint32_t count, const struct fb_envelope *envelope, uint64_t max_bytes,
      char *body)
{
    char *out = body;
    uint64_t length = envelope->head_length + envelope->tail_length;

    for (uint32_t i = 0; i < count; i++)
        length += (i > 0) + envelope->message_head_length + model->entries[first + i].length - 1;
    if (length > max_bytes)
        return 0;
    out = (char *)memcpy(out, envelope->head, envelope->head_length) + envelope->head_length;
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *entry = &model->entries[first + i];

        if (i > 0)
            *out++ = ',';
        out = (char *)memcpy(out, envelope->message_head, envelope->message_head_length) + envelope->message_head_length;
        out = (char *)memcpy(out, entry->message + 1, entry->length - 1) + entry->length - 1;
    }
    memcpy(out, envelope->tail, envelope->tail_length);
    return length;
}

/* Notes what was taken, and reads each message back. */
static void
note_taken(struct model *model, const fb_ref *refs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct entry *entry = &model->entries[model->taken++];
        const char *message;
        uint32_t length;

        entry->ref = refs[i];
        CHECK_EQ(fb_core_read(model->core, refs[i], &message, &length), FB_OK);
        CHECK_EQ(length, entry->length);
        CHECK(memcmp(message, entry->message, length) == 0);
        model->pending -= fb_record_span(length);
        model->pending_taken += fb_record_span(length);
    }
}

static void
take(struct model *model)
{
    static char expected_body[BODY_BYTES], body[BODY_BYTES];
    const struct fb_envelope envelope = {"{\"batch\":[", "{\"context\":{},", "]}", 10, 14, 2};
    const bool is_framed = fb_random_next(&model->random) % 8 != 0;
    const uint32_t max_messages = fb_random_between(&model->random, 1, MAX_BATCH);
    const uint64_t max_bytes = fb_random_between(&model->random, 12, fb_random_next(&model->random) % 2 ? 1000 : BODY_BYTES);
    uint32_t count = 0, first = model->taken;
    uint64_t expected_length = 0, length;
    struct fb_batch batch;
    fb_ref refs[MAX_BATCH];
    int result;

    while (count < max_messages && first + count < model->accepted) {
        length = is_framed ? frame(model, first, count + 1, &envelope, max_bytes, expected_body) : 0;
        if (is_framed && length == 0)
            break;
        expected_length = length;
        count++;
    }
    result = fb_core_take(model->core, max_messages, max_bytes, is_framed ? &envelope : NULL, body, refs, &batch);
    if (count == 0 && first < model->accepted) {
        CHECK_EQ(result, FB_ERR_TOO_LARGE);
        return;
    }
    CHECK_EQ(result, count);
    met.batches += count > 0;
    met.empty += count == 0;
    if (count == 0)
        return;
    CHECK_EQ(batch.count, count);
    CHECK_EQ(batch.first_sequence, first);
    CHECK_EQ(batch.oldest_ns, model->entries[first].now_ns);
    CHECK_EQ(batch.body_length, expected_length);
    CHECK(memcmp(body, expected_body, expected_length) == 0);
    note_taken(model, refs, count);
    if (is_framed) {
        CHECK_EQ(fb_core_frame(model->core, refs, count, &envelope, body, expected_length - 1, &length), FB_ERR_TOO_LARGE);
        CHECK_EQ(fb_core_frame(model->core, refs, count, &envelope, body, expected_length, &length), FB_OK);
        CHECK_EQ(length, expected_length);
        CHECK(memcmp(body, expected_body, expected_length) == 0);
    }
}

/* Acknowledges some of what is taken: from the oldest on, or any. */
static void
acknowledge(struct model *model)
{
    uint32_t wanted = fb_random_between(&model->random, 1, MAX_BATCH), count = 0;
    fb_ref refs[MAX_BATCH];

    for (uint32_t i = 0; i < model->taken && count < wanted; i++) {
        struct entry *entry = &model->entries[i];

        if (entry->is_acknowledged || (!model->in_order && fb_random_next(&model->random) % 3 != 0))
            continue;
        if (!model->in_order && !model->is_ending && i % model->pin_every == 0)
            continue;
        entry->is_acknowledged = true;
        refs[count++] = entry->ref;
        model->used -= fb_record_span(entry->length);
    }
    for (uint32_t i = count; i > 1 && !model->in_order; i--) {
        const uint32_t other = fb_random_between(&model->random, 0, i - 1);
        const fb_ref last = refs[i - 1];

        refs[i - 1] = refs[other];
        refs[other] = last;
    }
    fb_core_acknowledge(model->core, refs, count);
    model->acknowledged += count;
}

static void
arm(struct model *model)
{
    const uint32_t messages = fb_random_between(&model->random, 1, 40);
    const uint64_t bytes = fb_random_next(&model->random) % 2 ? UINT64_MAX : fb_random_between(&model->random, 1, 100000);
    const bool is_enough = model->accepted - model->taken >= messages || model->pending >= bytes;

    CHECK_EQ(fb_core_arm(model->core, messages, bytes), is_enough ? FB_WAKE : FB_OK);
    model->is_armed = !is_enough;
    model->wake_sequence = model->taken + messages;
    model->wake_bytes = bytes == UINT64_MAX ? UINT64_MAX : model->pending_taken + bytes;
}

static void
check_snapshot(struct model *model)
{
    struct fb_snapshot snapshot;

    fb_core_snapshot(model->core, &snapshot);
    CHECK_EQ(snapshot.accepted, model->accepted);
    CHECK_EQ(snapshot.taken, model->taken);
    CHECK_EQ(snapshot.used_bytes, model->used);
    CHECK_EQ(snapshot.pending_bytes, model->pending);
    CHECK_EQ(snapshot.oldest_ns, model->taken < model->accepted ? model->entries[model->taken].now_ns : 0);
}

static void
step(struct model *model)
{
    const uint32_t die = fb_random_between(&model->random, 0, 99);

    if (die < 60)
        append(model);
    else if (die < 75)
        take(model);
    else if (die < 90)
        acknowledge(model);
    else if (die < 95)
        arm(model);
    else
        check_snapshot(model);
}

static void
play(uint64_t seed)
{
    struct model *model = fb_test_memory(sizeof *model);

    model->random.state = seed;
    model->seed = fb_random_next(&model->random);
    model->in_order = fb_random_next(&model->random) % 2;
    model->pin_every = fb_random_between(&model->random, 10, 400);
    model->max_message = fb_random_between(&model->random, 500, fb_random_next(&model->random) % 2 ? 2000 : 40000);
    model->budget = fb_random_between(&model->random, 5000, 300000);
    CHECK_EQ(fb_core_new(model->budget, model->max_message, model->seed, &model->core), FB_OK);
    add_templates(model);
    for (int i = 0; i < STEPS; i++) {
        step(model);
        if (i == STEPS - 100 && seed % 4 == 0) {
            fb_core_close(model->core);
            model->is_closed = true;
        }
    }
    model->is_ending = true;
    while (model->taken < model->accepted)
        take(model);
    while (model->acknowledged < model->accepted)
        acknowledge(model);
    check_snapshot(model);
    CHECK_EQ(model->used, 0);
    fb_core_free(model->core);
    for (uint32_t i = 0; i < model->accepted; i++)
        free(model->entries[i].message);
    free(model);
}

int
main(void)
{
    const uint64_t first = fb_test_number("FB_SEED", 1), rounds = fb_test_number("FB_ROUNDS", 200);

    for (uint64_t seed = first; seed < first + rounds; seed++)
        play(seed);
    CHECK(met.accepted > 0 && met.full > 0 && met.full_out_of_order > 0 && met.too_large > 0);
    CHECK(met.woken > 0 && met.batches > 0 && met.empty > 0);
    if (getenv("FB_VERBOSE") != NULL)
        printf("accepted %" PRIu64 " full %" PRIu64 " without a segment %" PRIu64 " too large %" PRIu64 " woken %" PRIu64
               " batches %" PRIu64 " empty %" PRIu64 "\n",
               met.accepted, met.full, met.full_out_of_order, met.too_large, met.woken, met.batches, met.empty);
    return 0;
}
