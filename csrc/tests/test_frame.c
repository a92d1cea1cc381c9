#include "fb_test.h"

#include "../fb_frame.h"

/* An envelope of texts. */
static struct fb_envelope
envelope_of(const char *head, const char *message_head, const char *tail)
{
    return (struct fb_envelope){head,
                                message_head,
                                tail,
                                (uint32_t)strlen(head),
                                (uint32_t)strlen(message_head),
                                (uint32_t)strlen(tail)};
}

static void
test_messages_are_joined_between_head_and_tail(void)
{
    const struct fb_envelope envelope = envelope_of("{\"batch\":[", "{\"x\":1,", "],\"k\":2}");
    struct fb_frame frame;
    char body[128];

    CHECK(fb_frame_open(&frame, &envelope, body, sizeof body));
    CHECK(fb_frame_append(&frame, "{\"a\":1}", 7));
    CHECK(fb_frame_append(&frame, "{\"b\":2}", 7));
    CHECK_BYTES(body, fb_frame_close(&frame), "{\"batch\":[{\"x\":1,\"a\":1},{\"x\":1,\"b\":2}],\"k\":2}");
}

static void
test_empty_body_is_head_and_tail(void)
{
    const struct fb_envelope envelope = envelope_of("[", "{", "]"), nothing = envelope_of("", "{", "");
    struct fb_frame frame;
    char body[8];

    CHECK(fb_frame_open(&frame, &envelope, body, 2));
    CHECK_BYTES(body, fb_frame_close(&frame), "[]");
    CHECK(!fb_frame_open(&frame, &envelope, body, 1));
    CHECK(fb_frame_open(&frame, &nothing, body, 0));
    CHECK_EQ(fb_frame_close(&frame), 0);
}

/* For random sizes: the body has exactly the length of the formula, fits into as many bytes, and not into one byte less. */
static void
test_byte_budget_is_exact(void)
{
    struct fb_random random = {fb_test_number("FB_SEED", 3)};
    const char *filler = "{.........................................................................................";

    for (int round = 0; round < 20000; round++) {
        const struct fb_envelope envelope = {filler,
                                             filler,
                                             filler,
                                             fb_random_between(&random, 0, 30),
                                             fb_random_between(&random, 1, 20),
                                             fb_random_between(&random, 0, 30)};
        const uint32_t count = fb_random_between(&random, 1, 8);
        uint64_t expected = envelope.head_length + envelope.tail_length + count - 1;
        char body[1024];
        struct fb_frame frame;
        uint32_t lengths[8];

        for (uint32_t i = 0; i < count; i++) {
            lengths[i] = fb_random_between(&random, 1, 60);
            expected += envelope.message_head_length + lengths[i] - 1;
        }
        body[expected] = '#';
        CHECK(fb_frame_open(&frame, &envelope, body, expected));
        for (uint32_t i = 0; i < count; i++)
            CHECK(fb_frame_append(&frame, filler, lengths[i]));
        CHECK(!fb_frame_append(&frame, filler, 1));
        CHECK_EQ(fb_frame_close(&frame), expected);
        CHECK(body[expected] == '#');

        CHECK(fb_frame_open(&frame, &envelope, body, expected - 1));
        for (uint32_t i = 0; i + 1 < count; i++)
            CHECK(fb_frame_append(&frame, filler, lengths[i]));
        CHECK(!fb_frame_append(&frame, filler, lengths[count - 1]));
    }
}

static void
test_plan_counts_as_append_does(void)
{
    const struct fb_envelope envelope = envelope_of("[", "{\"n\":0,", "]");
    struct fb_frame plan, frame;
    char body[64];

    CHECK(fb_frame_open(&plan, &envelope, body, sizeof body));
    CHECK(fb_frame_open(&frame, &envelope, body, sizeof body));
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(fb_frame_plan(&plan, 7), fb_frame_append(&frame, "{\"a\":1}", 7));
        CHECK_EQ(plan.length, frame.length);
        CHECK_EQ(plan.count, frame.count);
    }
}

/* After one that does not fit a shorter one still may. */
static void
test_what_does_not_fit_changes_nothing(void)
{
    const struct fb_envelope envelope = envelope_of("[", "{", "]");
    struct fb_frame frame;
    char body[16];

    CHECK(fb_frame_open(&frame, &envelope, body, 10));
    CHECK(!fb_frame_append(&frame, "{........", 9));
    CHECK(fb_frame_append(&frame, "{}", 2));
    CHECK(!fb_frame_append(&frame, "{....}", 6));
    CHECK(fb_frame_append(&frame, "{...}", 5));
    CHECK_BYTES(body, fb_frame_close(&frame), "[{},{...}]");
}

int
main(void)
{
    test_messages_are_joined_between_head_and_tail();
    test_empty_body_is_head_and_tail();
    test_byte_budget_is_exact();
    test_plan_counts_as_append_does();
    test_what_does_not_fit_changes_nothing();
    return 0;
}
