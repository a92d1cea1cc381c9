/* fb_template.h: the constant bytes of a message, and the places where a core writes its stamps and the caller's fields. */
#ifndef FB_TEMPLATE_H
#define FB_TEMPLATE_H

#include <stdbool.h>

#include "fastbatch.h"

#define FB_MAX_VALUES 4

struct fb_template;

/* What differs from one message of a template to the next. */
struct fb_message {
    const char *fields; /* a JSON object of at least one member, or an array of as many values as the template has */
    size_t fields_length;
    int64_t now_ns;
    uint64_t sequence;
    uint64_t seed;
    size_t value_ends[FB_MAX_VALUES]; /* by fb_template_measure() */
    bool is_empty;                    /* likewise: the members that continue an object are none */
};

/* Copies the parts. FB_OK, FB_ERR_ARGUMENT or FB_ERR_NO_MEMORY. */
int fb_template_new(const struct fb_part *parts, uint32_t count, struct fb_template **out);
void fb_template_free(struct fb_template *template);

/*
 * Returns the length of the message that fb_template_write() will make of `message`, braces included; 0 when its fields
 * are not what the template asks for.
 */
uint64_t fb_template_measure(const struct fb_template *template, struct fb_message *message);

void fb_template_write(const struct fb_template *template, const struct fb_message *message, char *out);

#endif
