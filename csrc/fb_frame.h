/*
 * fb_frame.h: incremental framing of messages into one JSON body, to an exact byte budget.
 *
 *     head  message_head message[1:]  ,  message_head message[1:]  ...  tail
 */
#ifndef FB_FRAME_H
#define FB_FRAME_H

#include "fastbatch.h"
#include "fb_common.h"

struct fb_frame {
    const struct fb_envelope *envelope;
    char *body;
    uint64_t max_bytes; /* of the whole body */
    uint64_t length;    /* so far, without the tail */
    uint32_t count;     /* messages so far */
};

/* False when not even an empty body fits. */
bool fb_frame_open(struct fb_frame *frame, const struct fb_envelope *envelope, char *body, uint64_t max_bytes);

/* Counts a message as fb_frame_append() does, and copies nothing; false and unchanged when it does not fit. */
bool fb_frame_plan(struct fb_frame *frame, uint32_t message_length);

/* Adds a message, "{...}"; false and unchanged when it does not fit. */
bool fb_frame_append(struct fb_frame *frame, const char *message, uint32_t message_length);

/* Adds the tail, and returns the body's length. */
uint64_t fb_frame_close(struct fb_frame *frame);

#endif
