#include "fb_test.h"

#include "../fb_common.h"
#include "../fb_stamp.h"
#include "../fb_template.h"

#define NOW_NS INT64_C(1709210096789012345)
#define PART(text) {FB_LITERAL, sizeof(text) - 1, text}

static const struct fb_part fields_part = {FB_FIELDS, 0, NULL};

static size_t
write(const struct fb_template *template, const struct fb_message *message, char *out)
{
    const uint64_t length = fb_template_length(template, message->fields_length);

    memset(out, '#', (size_t)length + 1);
    fb_template_write(template, message, out);
    CHECK(out[length] == '#');
    return (size_t)length;
}

static void
test_every_stamp_stands_in_its_place(void)
{
    const struct fb_part parts[] = {
        PART("{\"type\":\"track\",\"messageId\":\""), {FB_MESSAGE_ID, 0, NULL},
        PART("\",\"anonymousId\":\""),               {FB_ANONYMOUS_ID, 0, NULL},
        PART("\",\"timestamp\":\""),                 {FB_TIMESTAMP_MS, 0, NULL},
        PART("\",\"sentAt\":\""),                    {FB_TIMESTAMP_US, 0, NULL},
        PART("\","),                                 {FB_FIELDS, 0, NULL},
        PART("}"),
    };
    const char *fields = "{\"event\":\"Bought\"}";
    struct fb_message message = {fields, strlen(fields), NOW_NS, 41, 7};
    char id[FB_UUID_LENGTH], anonymous[FB_UUID_LENGTH], expected[512], out[512];
    struct fb_template *template;
    size_t length;

    CHECK_EQ(fb_template_new(parts, sizeof parts / sizeof *parts, &template), FB_OK);
    length = write(template, &message, out);
    fb_stamp_uuid(id, NOW_NS, fb_stamp_random(7, 41));
    fb_stamp_uuid(anonymous, NOW_NS, fb_stamp_random(7 + ((uint64_t)1 << 61), 41));
    snprintf(expected, sizeof expected,
             "{\"type\":\"track\",\"messageId\":\"%.36s\",\"anonymousId\":\"%.36s\",\"timestamp\":"
             "\"2024-02-29T12:34:56.789Z\",\"sentAt\":\"2024-02-29T12:34:56.789012Z\",\"event\":\"Bought\"}",
             id, anonymous);
    CHECK_BYTES(out, length, expected);
    CHECK(memcmp(id, anonymous, FB_UUID_LENGTH) != 0);
    fb_template_free(template);
}

static void
test_fields_alone_lose_their_braces(void)
{
    struct fb_message message = {"{1}", 3, 0, 0, 0};
    struct fb_template *template;
    char out[8];

    CHECK_EQ(fb_template_new(&fields_part, 1, &template), FB_OK);
    CHECK_BYTES(out, write(template, &message, out), "1");
    fb_template_free(template);
}

static void
test_literals_are_copied_and_may_be_empty(void)
{
    char braces[] = "{}";
    const struct fb_part parts[] = {{FB_LITERAL, 1, braces}, {FB_LITERAL, 0, NULL}, fields_part, {FB_LITERAL, 1, braces + 1}};
    struct fb_message message = {"{\"a\":1}", 7, 0, 0, 0};
    struct fb_template *template;
    char out[16];

    CHECK_EQ(fb_template_new(parts, 4, &template), FB_OK);
    memset(braces, '?', sizeof braces);
    CHECK_BYTES(out, write(template, &message, out), "{\"a\":1}");
    fb_template_free(template);
}

static void
test_malformed_parts_are_refused(void)
{
    const struct fb_part twice[] = {fields_part, fields_part};
    const struct fb_part never[] = {PART("{}")};
    const struct fb_part negative[] = {fields_part, {-1, 0, NULL}};
    const struct fb_part unknown[] = {fields_part, {FB_FIELDS + 1, 0, NULL}};
    struct fb_template *template = NULL;

    CHECK_EQ(fb_template_new(twice, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(never, 1, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(never, 0, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(negative, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(unknown, 2, &template), FB_ERR_ARGUMENT);
    CHECK(template == NULL);
}

int
main(void)
{
    test_every_stamp_stands_in_its_place();
    test_fields_alone_lose_their_braces();
    test_literals_are_copied_and_may_be_empty();
    test_malformed_parts_are_refused();
    return 0;
}
