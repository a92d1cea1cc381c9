#include "fb_frame.h"

bool
fb_frame_open(struct fb_frame *frame, const struct fb_envelope *envelope, char *body, uint64_t max_bytes)
{
    frame->envelope = envelope;
    frame->body = body;
    frame->max_bytes = max_bytes;
    frame->length = envelope->head_length;
    frame->count = 0;
    if ((uint64_t)envelope->head_length + envelope->tail_length > max_bytes)
        return false;
    memcpy(body, envelope->head, envelope->head_length);
    return true;
}

bool
fb_frame_plan(struct fb_frame *frame, uint32_t message_length)
{
    const uint64_t comma = frame->count > 0;
    const uint64_t length = frame->length + comma + frame->envelope->message_head_length + (message_length - 1);

    if (length + frame->envelope->tail_length > frame->max_bytes)
        return false;
    frame->length = length;
    frame->count++;
    return true;
}

bool
fb_frame_append(struct fb_frame *frame, const char *message, uint32_t message_length)
{
    char *out = frame->body + frame->length;

    if (!fb_frame_plan(frame, message_length))
        return false;
    if (frame->count > 1)
        *out++ = ',';
    memcpy(out, frame->envelope->message_head, frame->envelope->message_head_length);
    memcpy(out + frame->envelope->message_head_length, message + 1, message_length - 1);
    return true;
}

uint64_t
fb_frame_close(struct fb_frame *frame)
{
    memcpy(frame->body + frame->length, frame->envelope->tail, frame->envelope->tail_length);
    return frame->length + frame->envelope->tail_length;
}
