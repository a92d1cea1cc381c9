#include "fb_test.h"

#include "../fb_common.h"
#include "../fb_stamp.h"
#include "../fb_template.h"

#define NOW_NS INT64_C(1709210096789012345)
#define PART(text) {FB_LITERAL, sizeof(text) - 1, text}

static const struct fb_part fields_part = {FB_FIELDS, 0, NULL};

static size_t
write(const struct fb_template *template, struct fb_message *message, char *out)
{
    const uint64_t length = fb_template_measure(template, message);

    CHECK(length > 0);
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
    struct fb_message message = {.fields = fields, .fields_length = strlen(fields), .now_ns = NOW_NS, .sequence = 41, .seed = 7};
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
    struct fb_message message = {.fields = "{1}", .fields_length = 3};
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
    struct fb_message message = {.fields = "{\"a\":1}", .fields_length = 7};
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
    const struct fb_part unknown[] = {fields_part, {FB_MEMBERS + 1, 0, NULL}};
    struct fb_template *template = NULL;

    const struct fb_part value = {FB_VALUE, 0, NULL};
    const struct fb_part members = {FB_MEMBERS, 0, NULL};
    const struct fb_part mixed[] = {fields_part, value}, too_many[] = {value, value, value, value, value};
    const struct fb_part not_last[] = {members, value}, twice_members[] = {members, members}, both[] = {fields_part, members};

    CHECK_EQ(fb_template_new(not_last, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(twice_members, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(both, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(mixed, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(too_many, FB_MAX_VALUES + 1, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(twice, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(never, 1, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(never, 0, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(negative, 2, &template), FB_ERR_ARGUMENT);
    CHECK_EQ(fb_template_new(unknown, 2, &template), FB_ERR_ARGUMENT);
    CHECK(template == NULL);
}

/* Measures exactly these bytes, in memory that ends with them, so that AddressSanitizer sees a look past their end. */
static uint64_t
measure(const struct fb_template *template, const char *fields)
{
    const size_t length = strlen(fields);
    char *copy = memcpy(fb_test_memory(length + (length == 0)), fields, length);
    struct fb_message message = {.fields = copy, .fields_length = length};
    const uint64_t result = fb_template_measure(template, &message);

    free(copy);
    return result;
}

static void
test_values_stand_each_in_its_place(void)
{
    const struct fb_part parts[] = {PART("{\"u\":"), {FB_VALUE, 0, NULL}, PART(",\"e\":"), {FB_VALUE, 0, NULL},
                                    PART(",\"p\":"),   {FB_VALUE, 0, NULL}, PART("}")};
    const char *fields = "[\"a\\\"],\",\"b\\\\\",{\"c\":[1,\"]\"]}]";
    struct fb_message message = {.fields = fields, .fields_length = strlen(fields)};
    struct fb_template *template;
    char out[128];

    CHECK_EQ(fb_template_new(parts, 7, &template), FB_OK);
    CHECK_BYTES(out, write(template, &message, out),
                "{\"u\":\"a\\\"],\",\"e\":\"b\\\\\",\"p\":{\"c\":[1,\"]\"]}}");
    fb_template_free(template);
}

/* Whatever is cut off or stands elsewhere: 0, and never a look past the end. */
static void
test_values_of_another_shape_are_refused(void)
{
    static const char *const shapes[] = {
        "",          "[",          "[]",           "[\"]",        "[\"a",          "[\"a\"",     "[\"a\"]",     "[\"a\",]",
        "[\"a\\\"]", "[\"\",{}]",   "[1,{}]",       "[{},{}]",     "[\"a\",\"b\"]", "{\"a\":{}}", "[\"a\"{}]",   "[\"a\\",
        "[,{}]",     "[\"a\\\",{}]", "[\"a\" ,{}]",
    };
    const struct fb_part parts[] = {{FB_VALUE, 0, NULL}, {FB_VALUE, 0, NULL}};
    struct fb_template *template;

    CHECK_EQ(fb_template_new(parts, 2, &template), FB_OK);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        CHECK_EQ(measure(template, shapes[i]), 0);
    CHECK_EQ(measure(template, "[\"a\",{}]"), 5);
    fb_template_free(template);
    CHECK_EQ(fb_template_new(&fields_part, 1, &template), FB_OK);
    CHECK_EQ(measure(template, "{}"), 0);
    CHECK_EQ(measure(template, "[1]"), 0);
    fb_template_free(template);
}

/* The last value's members follow the template's own, whether there are any or none. */
static void
test_members_continue_an_object(void)
{
    static const struct {
        const char *fields, *expected;
    } cases[] = {
        {"[\"u\",{\"a\":1,\"b\":{}}]", "{\"u\":\"u\",\"p\":{\"c\":0,\"a\":1,\"b\":{}}}"},
        {"[\"u\",{}]", "{\"u\":\"u\",\"p\":{\"c\":0}}"},
        {"[\"},{\",{\"a\":[]}]", "{\"u\":\"},{\",\"p\":{\"c\":0,\"a\":[]}}"},
    };
    const struct fb_part parts[] = {PART("{\"u\":"), {FB_VALUE, 0, NULL}, PART(",\"p\":{\"c\":0"), {FB_MEMBERS, 0, NULL},
                                    PART("}")};
    struct fb_template *template;
    char out[128];

    CHECK_EQ(fb_template_new(parts, 5, &template), FB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_message message = {.fields = cases[i].fields, .fields_length = strlen(cases[i].fields)};

        CHECK_BYTES(out, write(template, &message, out), cases[i].expected);
    }
    CHECK_EQ(measure(template, "[\"u\",[]]"), 0);
    CHECK_EQ(measure(template, "[\"u\",\"v\"]"), 0);
    CHECK_EQ(measure(template, "[{}]"), 0);
    CHECK_EQ(measure(template, "[\"u\","), 0);
    fb_template_free(template);
}

/* Members need no other value before them. */
static void
test_members_may_be_the_only_value(void)
{
    const struct fb_part parts[] = {PART("{\"c\":0"), {FB_MEMBERS, 0, NULL}};
    struct fb_message message = {.fields = "[{\"a\":1}]", .fields_length = 9};
    struct fb_template *template;
    char out[32];

    CHECK_EQ(fb_template_new(parts, 2, &template), FB_OK);
    CHECK_BYTES(out, write(template, &message, out), "{\"c\":0,\"a\":1}");
    message.fields = "[{}]";
    message.fields_length = 4;
    CHECK_BYTES(out, write(template, &message, out), "{\"c\":0}");
    fb_template_free(template);
}

int
main(void)
{
    test_members_continue_an_object();
    test_members_may_be_the_only_value();
    test_values_stand_each_in_its_place();
    test_values_of_another_shape_are_refused();
    test_every_stamp_stands_in_its_place();
    test_fields_alone_lose_their_braces();
    test_literals_are_copied_and_may_be_empty();
    test_malformed_parts_are_refused();
    return 0;
}
