/*
 * fastbatch.h: the native core, as Python sees it.
 *
 * A core is a queue of encoded messages: many threads append, senders take batches framed as one body, and each message
 * is acknowledged when it has its outcome. It knows no vendor: templates and envelopes are arguments, and so are the random
 * seed and, except in fb_push(), the time.
 *
 * Functions that can fail return a negative `enum fb_result`; results leave through the last pointers.
 */
#ifndef FASTBATCH_H
#define FASTBATCH_H

#include <stddef.h>
#include <stdint.h>

/* cdef: begin */

enum fb_result {
    FB_OK = 0,
    FB_WAKE = 1,              /* appended, and a waiting sender has work: wake one */
    FB_ERR_FULL = -1,         /* no room in the byte budget, or no free segment */
    FB_ERR_TOO_LARGE = -2,    /* the message exceeds max_message_bytes */
    FB_ERR_CLOSED = -3,       /* fb_core_close() was called */
    FB_ERR_FORKED = -4,       /* this process is a fork of the one that made the core */
    FB_ERR_NO_MEMORY = -5,
    FB_ERR_ARGUMENT = -6      /* a size out of range, an unknown template, a malformed part */
};

/* What a template writes at one place; FB_LITERAL is its own bytes. */
enum fb_stamp {
    FB_LITERAL = 0,
    FB_MESSAGE_ID = 1,        /* UUIDv7, 36 characters */
    FB_ANONYMOUS_ID = 2,      /* another UUIDv7 */
    FB_TIMESTAMP_MS = 3,      /* RFC 3339, 24 characters */
    FB_TIMESTAMP_US = 4,      /* RFC 3339, 27 characters */
    FB_FIELDS = 5,            /* the caller's JSON object without its braces, exactly once */
    FB_VALUE = 6,             /* or: the next element of the caller's JSON array, see fb_core_append() */
    FB_MEMBERS = 7            /* or: its last, whose members continue an object that the template has begun */
};

struct fb_part {
    int32_t stamp;            /* enum fb_stamp */
    uint32_t length;          /* of bytes, 0 unless FB_LITERAL */
    const char *bytes;        /* copied */
};

/* The constant bytes of a body: head, messages joined by commas, tail; message_head stands for each message's '{'. */
struct fb_envelope {
    const char *head;
    const char *message_head;
    const char *tail;
    uint32_t head_length;
    uint32_t message_head_length;
    uint32_t tail_length;
};

/* One record that was taken and not yet acknowledged. */
typedef uint64_t fb_ref;

struct fb_batch {
    uint64_t first_sequence;  /* of the first record; the others follow without a gap */
    int64_t oldest_ns;        /* when the oldest of them was appended */
    uint64_t body_length;
    uint32_t count;
};

struct fb_snapshot {
    uint64_t accepted;        /* records appended since the core was made */
    uint64_t taken;           /* of these, taken */
    uint64_t used_bytes;      /* charged to records that are not acknowledged */
    uint64_t pending_bytes;   /* of these, charged to records that are not taken */
    int64_t oldest_ns;        /* when the oldest untaken record was appended; 0 when there is none */
};

struct fb_core;

int fb_core_new(uint64_t max_queue_bytes, uint32_t max_message_bytes, uint64_t seed, struct fb_core **out);
void fb_core_free(struct fb_core *core);

/* Returns the template's number, from 0. Templates are added before they are used, one thread at a time. */
int fb_core_add_template(struct fb_core *core, const struct fb_part *parts, uint32_t count);

/*
 * Appends one message. `fields` is a JSON object that is not empty, or for a template of values a JSON array of just as
 * many elements: strings that are not empty, then an object; FB_ERR_ARGUMENT when it is something else. There is no
 * white space between tokens. Any thread, lock-free. FB_OK, FB_WAKE or an error.
 */
int fb_core_append(struct fb_core *core, int template_number, const char *fields, size_t length, int64_t now_ns);

/* The same with as few arguments as can be, for the one call that is made once an event: `fields` ends with a NUL, which
 * JSON never holds, and the time is the system's. An entry lives as long as its core; NULL when there is no such template. */
struct fb_entry;
struct fb_entry *fb_core_entry(struct fb_core *core, int template_number);
int fb_push(struct fb_entry *entry, const char *fields);

/*
 * Takes the next committed records, at most `max_messages`, as many as fit into `max_bytes` of body, and frames them into
 * `body`. Returns their count, 0 when there is none, or an error. `refs` has room for max_messages.
 */
int fb_core_take(struct fb_core *core, uint32_t max_messages, uint64_t max_bytes, const struct fb_envelope *envelope,
                 char *body, fb_ref *refs, struct fb_batch *batch);

/* Frames records that were taken before; `*length` is the body's. FB_ERR_TOO_LARGE when `max_bytes` do not hold them. */
int fb_core_frame(struct fb_core *core, const fb_ref *refs, uint32_t count, const struct fb_envelope *envelope,
                  char *body, uint64_t max_bytes, uint64_t *length);

/* Points at the message of a record that was taken; valid until it is acknowledged. */
int fb_core_read(struct fb_core *core, fb_ref ref, const char **message, uint32_t *length);

/* Gives back records that have their outcome. Any thread. */
void fb_core_acknowledge(struct fb_core *core, const fb_ref *refs, uint32_t count);

/*
 * Asks that one append returns FB_WAKE as soon as `messages` or `bytes` are waiting to be taken. Returns FB_WAKE when
 * they are already, and then no append will.
 */
int fb_core_arm(struct fb_core *core, uint32_t messages, uint64_t bytes);

/*
 * Later appends return FB_ERR_CLOSED; what is queued can still be taken. It is all taken when a later snapshot shows no
 * pending_bytes: an append that was under way counts there until it is taken or refused.
 */
void fb_core_close(struct fb_core *core);

void fb_core_snapshot(struct fb_core *core, struct fb_snapshot *out);

/* cdef: end */

#endif
