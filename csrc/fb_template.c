#include "fb_template.h"

#include "fb_common.h"
#include "fb_stamp.h"

/* An anonymous id takes its random bits from sequences half of their space away: it never equals a message id. */
#define ANONYMOUS_SEED ((uint64_t)1 << 61)

struct fb_template {
    uint64_t fixed_length; /* of everything but the fields */
    uint32_t count;
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

/* Adds up the literals; FB_ERR_ARGUMENT unless every stamp is known and the fields stand in it once. */
static int
measure(const struct fb_part *parts, uint32_t count, uint64_t *literal_bytes)
{
    uint32_t fields = 0;

    *literal_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].stamp < FB_LITERAL || parts[i].stamp > FB_FIELDS)
            return FB_ERR_ARGUMENT;
        fields += parts[i].stamp == FB_FIELDS;
        if (parts[i].stamp == FB_LITERAL)
            *literal_bytes += parts[i].length;
    }
    return fields == 1 ? FB_OK : FB_ERR_ARGUMENT;
}

int
fb_template_new(const struct fb_part *parts, uint32_t count, struct fb_template **out)
{
    uint64_t literal_bytes;
    struct fb_template *template;
    char *literals;

    if (measure(parts, count, &literal_bytes) != FB_OK)
        return FB_ERR_ARGUMENT;
    template = fb_new(sizeof *template + count * sizeof *parts + literal_bytes);
    if (template == NULL)
        return FB_ERR_NO_MEMORY;
    template->count = count;
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

uint64_t
fb_template_length(const struct fb_template *template, size_t fields_length)
{
    return template->fixed_length + fields_length - 2;
}

static char *
write_id(char *out, const struct fb_message *message, uint64_t seed)
{
    fb_stamp_uuid(out, message->now_ns, fb_stamp_random(seed, message->sequence));
    return out + FB_UUID_LENGTH;
}

static char *
write_bytes(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

void
fb_template_write(const struct fb_template *template, const struct fb_message *message, char *out)
{
    for (uint32_t i = 0; i < template->count; i++) {
        const struct fb_part *part = &template->parts[i];

        switch (part->stamp) {
        case FB_LITERAL:
            if (part->length > 0)
                out = write_bytes(out, part->bytes, part->length);
            break;
        case FB_FIELDS:
            out = write_bytes(out, message->fields + 1, message->fields_length - 2);
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
