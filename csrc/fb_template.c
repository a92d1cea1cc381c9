#include "fb_template.h"

#include "fb_common.h"
#include "fb_stamp.h"

/* An anonymous id takes its random bits from sequences half of their space away: it never equals a message id. */
#define ANONYMOUS_SEED ((uint64_t)1 << 61)

struct fb_template {
    uint64_t fixed_length; /* of everything but the fields or values */
    uint32_t values;       /* 0: fields */
    uint32_t count;
    bool continues; /* the last value is FB_MEMBERS */
    struct fb_part parts[]; /* followed by the literals' bytes */
};

static uint32_t
stamp_length(int32_t stamp)
{
    switch (stamp) {
    case FB_MESSAGE_ID:
    case FB_ANONYMOUS_ID:
        return FB_UUID_LENGTH;
    case FB_TIMESTAMP_MS:
        return FB_TIMESTAMP_MS_LENGTH;
    case FB_TIMESTAMP_US:
        return FB_TIMESTAMP_US_LENGTH;
    default:
        return 0;
    }
}

/* Adds up the literals and counts the values; FB_ERR_ARGUMENT unless every stamp is known, and the fields stand in it once
 * or values in their place, of which only the last may be members. */
static int
measure_parts(const struct fb_part *parts, uint32_t count, uint64_t *literal_bytes, uint32_t *values, bool *continues)
{
    uint32_t fields = 0;

    *literal_bytes = 0;
    *values = 0;
    *continues = false;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_value = parts[i].stamp == FB_VALUE || parts[i].stamp == FB_MEMBERS;

        if (parts[i].stamp < FB_LITERAL || parts[i].stamp > FB_MEMBERS || (is_value && *continues))
            return FB_ERR_ARGUMENT;
        fields += parts[i].stamp == FB_FIELDS;
        *values += is_value;
        *continues |= parts[i].stamp == FB_MEMBERS;
        if (parts[i].stamp == FB_LITERAL)
            *literal_bytes += parts[i].length;
    }
    if (fields == 0)
        return *values >= 1 && *values <= FB_MAX_VALUES ? FB_OK : FB_ERR_ARGUMENT;
    return fields == 1 && *values == 0 ? FB_OK : FB_ERR_ARGUMENT;
}

int
fb_template_new(const struct fb_part *parts, uint32_t count, struct fb_template **out)
{
    uint64_t literal_bytes;
    uint32_t values;
    bool continues;
    struct fb_template *template;
    char *literals;

    if (measure_parts(parts, count, &literal_bytes, &values, &continues) != FB_OK)
        return FB_ERR_ARGUMENT;
    template = fb_new(sizeof *template + count * sizeof *parts + literal_bytes);
    if (template == NULL)
        return FB_ERR_NO_MEMORY;
    template->count = count;
    template->values = values;
    template->continues = continues;
    template->fixed_length = literal_bytes;
    literals = (char *)&template->parts[count];
    for (uint32_t i = 0; i < count; i++) {
        template->parts[i].stamp = parts[i].stamp;
        template->fixed_length += stamp_length(parts[i].stamp);
        if (parts[i].stamp != FB_LITERAL || parts[i].length == 0)
            continue;
        memcpy(literals, parts[i].bytes, parts[i].length);
        template->parts[i].bytes = literals;
        template->parts[i].length = parts[i].length;
        literals += parts[i].length;
    }
    *out = template;
    return FB_OK;
}

void
fb_template_free(struct fb_template *template)
{
    fb_free(template);
}

/* True when an odd number of backslashes stands before `end`; text[start] is none. */
static bool
is_escaped(const char *text, size_t start, size_t end)
{
    size_t i = end;

    while (i > start && text[i - 1] == '\\')
        i--;
    return (end - i) % 2 == 1;
}

/* Finds where the string that begins at `start` ends, past its closing quote; 0 when it is no string, or an empty one. */
static size_t
end_of_string(const char *text, size_t start, size_t length)
{
    const char *quote;

    if (length - start < 2 || text[start] != '"' || text[start + 1] == '"')
        return 0;
    for (size_t i = start + 1; i < length; i = (size_t)(quote - text) + 1) {
        quote = memchr(text + i, '"', length - i);
        if (quote == NULL)
            return 0;
        if (FB_LIKELY(!is_escaped(text, start, (size_t)(quote - text))))
            return (size_t)(quote - text) + 1;
    }
    return 0;
}

/* Finds the ends of an array's elements: strings that are not empty, then an object. */
static bool
split_values(const struct fb_template *template, struct fb_message *message)
{
    const size_t last = message->fields_length - 1; /* the closing bracket */
    size_t start = 1;

    for (uint32_t i = 0; i + 1 < template->values; i++) {
        const size_t end = end_of_string(message->fields, start, last);

        if (end == 0 || end >= last || message->fields[end] != ',')
            return false;
        message->value_ends[i] = end;
        start = end + 1;
    }
    message->value_ends[template->values - 1] = last;
    message->is_empty = template->continues && last - start == 2;
    return message->fields[start] == '{';
}

uint64_t
fb_template_measure(const struct fb_template *template, struct fb_message *message)
{
    uint64_t commas;

    message->is_empty = false;
    if (message->fields_length < 3 || message->fields[0] != (template->values > 0 ? '[' : '{'))
        return 0;
    if (template->values > 0 && !split_values(template, message))
        return 0;
    commas = template->values > 0 ? template->values - 1 : 0;
    return template->fixed_length + message->fields_length - 2 - commas - message->is_empty;
}

static char *
write_id(char *out, const struct fb_message *message, uint64_t seed)
{
    fb_stamp_uuid(out, message->now_ns, fb_stamp_random(seed, message->sequence));
    return out + FB_UUID_LENGTH;
}

/* What a template holds is short, and a call of memcpy() for it costs more than its bytes: two moves of a fixed length that
 * may overlap do it. */
static char *
write_bytes(char *out, const char *bytes, size_t length)
{
    if (length >= 16 && length <= 32) {
        memcpy(out, bytes, 16);
        memcpy(out + length - 16, bytes + length - 16, 16);
    } else if (length >= 8 && length < 16) {
        memcpy(out, bytes, 8);
        memcpy(out + length - 8, bytes + length - 8, 8);
    } else if (length > 0)
        memcpy(out, bytes, length);
    return out + length;
}

/* Writes an object's members, and the brace that closes it, after members that the template has written. */
static char *
write_members(char *out, const struct fb_message *message, size_t start, size_t end)
{
    if (!message->is_empty)
        *out++ = ',';
    return write_bytes(out, message->fields + start + 1, end - start - 1);
}

void
fb_template_write(const struct fb_template *template, const struct fb_message *message, char *out)
{
    size_t value_start = 1;
    const size_t *value_end = message->value_ends;

    for (uint32_t i = 0; i < template->count; i++) {
        const struct fb_part *part = &template->parts[i];

        switch (part->stamp) {
        case FB_LITERAL:
            out = write_bytes(out, part->bytes, part->length);
            break;
        case FB_FIELDS:
            out = write_bytes(out, message->fields + 1, message->fields_length - 2);
            break;
        case FB_VALUE:
            out = write_bytes(out, message->fields + value_start, *value_end - value_start);
            value_start = *value_end++ + 1;
            break;
        case FB_MEMBERS:
            out = write_members(out, message, value_start, *value_end);
            break;
        case FB_MESSAGE_ID:
            out = write_id(out, message, message->seed);
            break;
        case FB_ANONYMOUS_ID:
            out = write_id(out, message, message->seed + ANONYMOUS_SEED);
            break;
        case FB_TIMESTAMP_MS:
            fb_stamp_timestamp(out, message->now_ns, 3);
            out += FB_TIMESTAMP_MS_LENGTH;
            break;
        default:
            fb_stamp_timestamp(out, message->now_ns, 6);
            out += FB_TIMESTAMP_US_LENGTH;
        }
    }
}
