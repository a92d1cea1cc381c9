/* fb_template.h: the constant bytes of a message, and the places where a core writes its stamps and the caller's fields. */
#ifndef FB_TEMPLATE_H
#define FB_TEMPLATE_H

#include "fastbatch.h"

struct fb_template;

/* What differs from one message of a template to the next. */
struct fb_message {
    const char *fields; /* a JSON object of at least one member */
    size_t fields_length;
    int64_t now_ns;
    uint64_t sequence;
    uint64_t seed;
};

/* Copies the parts. FB_OK, FB_ERR_ARGUMENT or FB_ERR_NO_MEMORY. */
int fb_template_new(const struct fb_part *parts, uint32_t count, struct fb_template **out);
void fb_template_free(struct fb_template *template);

/* Length of the message that fb_template_write() will make of fields this long, braces included. */
uint64_t fb_template_length(const struct fb_template *template, size_t fields_length);

void fb_template_write(const struct fb_template *template, const struct fb_message *message, char *out);

#endif
