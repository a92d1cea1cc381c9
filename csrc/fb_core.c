/*
 * fb_core.c: the ring, the byte budget, the templates and the wake-up together, behind fastbatch.h.
 *
 * Ordering. A_X acquires what R_X releases; S_SLEEP is sequentially consistent.
 *
 *   label      object          written by  what the edge carries
 *   R/A_COUNT  template_count  any         the templates that are counted
 *   S_SLEEP    waiting         consumer    "wake me": ordered against the claims (fb_segment.c, fb_ring.c)
 */
#include "fastbatch.h"

#include "fb_budget.h"
#include "fb_clock.h"
#include "fb_fork.h"
#include "fb_frame.h"
#include "fb_map.h"
#include "fb_ring.h"
#include "fb_template.h"

#define MAX_TEMPLATES 1024
#define GUARD_BYTES 4096
#define GUARD_ALIVE 0x66627263u

struct fb_entry {
    struct fb_core *core;
    int template_number;
};

struct fb_core {
    uint32_t max_message_bytes;
    uint64_t seed;
    uint32_t forks;  /* fb_fork_count() of the process that made the core */
    uint32_t *guard; /* on a page that a fork wipes: GUARD_ALIVE only in the process that made the core */
    _Atomic uint32_t template_count;
    struct fb_template *templates[MAX_TEMPLATES];
    struct fb_entry entries[MAX_TEMPLATES];

    struct fb_budget budget;

    /* Written when a sender goes to sleep, read by every append. */
    alignas(FB_CACHE_LINE) _Atomic bool waiting;
    _Atomic uint64_t wake_sequence;
    _Atomic uint64_t wake_bytes;

    struct fb_ring ring;
};

static bool
is_forked(const struct fb_core *core)
{
    /* Either may miss a fork, see fb_fork.h and fb_map.h. */
    return core->forks != fb_fork_count() || *core->guard != GUARD_ALIVE;
}

static int
init(struct fb_core *core, uint64_t max_queue_bytes)
{
    core->forks = fb_fork_count();
    core->guard = fb_map_new(GUARD_BYTES);
    if (core->guard == NULL || !fb_fork_is_counted())
        return FB_ERR_NO_MEMORY;
    *core->guard = GUARD_ALIVE;
    fb_budget_init(&core->budget, max_queue_bytes);
    atomic_init(&core->template_count, 0);
    atomic_init(&core->waiting, false);
    atomic_init(&core->wake_sequence, 0);
    atomic_init(&core->wake_bytes, 0);
    return fb_ring_init(&core->ring, max_queue_bytes, (uint32_t)fb_record_span(core->max_message_bytes));
}

int
fb_core_new(uint64_t max_queue_bytes, uint32_t max_message_bytes, uint64_t seed, struct fb_core **out)
{
    struct fb_core *core;
    int result;

    if (max_message_bytes == 0 || max_message_bytes > FB_LENGTH_MASK)
        return FB_ERR_ARGUMENT;
    core = fb_new(sizeof *core);
    if (core == NULL)
        return FB_ERR_NO_MEMORY;
    core->max_message_bytes = max_message_bytes;
    core->seed = seed;
    result = init(core, max_queue_bytes);
    if (result != FB_OK) {
        fb_core_free(core);
        return result;
    }
    *out = core;
    return FB_OK;
}

void
fb_core_free(struct fb_core *core)
{
    if (core == NULL)
        return;
    fb_ring_destroy(&core->ring);
    fb_map_free(core->guard, GUARD_BYTES);
    for (uint32_t i = 0; i < MAX_TEMPLATES; i++)
        fb_template_free(core->templates[i]);
    fb_free(core);
}

static bool
is_template(struct fb_core *core, int template_number)
{
    /* A_COUNT: templates are added while others are in use, and what is counted is there. */
    return template_number >= 0 &&
           (uint32_t)template_number < atomic_load_explicit(&core->template_count, memory_order_acquire);
}

int
fb_core_add_template(struct fb_core *core, const struct fb_part *parts, uint32_t count)
{
    /* Relaxed: only we write it, one thread at a time. */
    const uint32_t number = atomic_load_explicit(&core->template_count, memory_order_relaxed);
    int result = FB_ERR_ARGUMENT;

    if (number < MAX_TEMPLATES)
        result = fb_template_new(parts, count, &core->templates[number]);
    if (result != FB_OK)
        return result;
    core->entries[number] = (struct fb_entry){core, (int)number};
    /* R_COUNT: the template and its entry are whole. */
    atomic_store_explicit(&core->template_count, number + 1, memory_order_release);
    return (int)number;
}

struct fb_entry *
fb_core_entry(struct fb_core *core, int template_number)
{
    return is_template(core, template_number) ? &core->entries[template_number] : NULL;
}

/* Wake-up: a sender that finds too little to send leaves a mark and sleeps; the append that makes it enough sees the mark. */

static int
wake_result(struct fb_core *core, uint64_t sequence, uint64_t charged)
{
    /* S_SLEEP: after our claim. Either we see the mark, or the sleeper, who looks after marking, sees the claim. */
    if (FB_LIKELY(!atomic_load_explicit(&core->waiting, memory_order_seq_cst)))
        return FB_OK;
    /* Relaxed: S_SLEEP brought both along. */
    if (sequence + 1 < atomic_load_explicit(&core->wake_sequence, memory_order_relaxed) &&
        charged < atomic_load_explicit(&core->wake_bytes, memory_order_relaxed))
        return FB_OK;
    /* S_SLEEP: one append takes the mark, and wakes. */
    return atomic_exchange_explicit(&core->waiting, false, memory_order_seq_cst) ? FB_WAKE : FB_OK;
}

int
fb_core_append(struct fb_core *core, int template_number, const char *fields, size_t length, int64_t now_ns)
{
    struct fb_message message = {.fields = fields, .fields_length = length, .now_ns = now_ns, .seed = core->seed};
    const struct fb_template *template;
    struct fb_record *record;
    uint64_t message_length, span, charged;
    int result;

    if (FB_UNLIKELY(is_forked(core)))
        return FB_ERR_FORKED;
    if (FB_UNLIKELY(!is_template(core, template_number) || now_ns < 0))
        return FB_ERR_ARGUMENT;
    template = core->templates[template_number];
    message_length = fb_template_measure(template, &message);
    if (FB_UNLIKELY(message_length == 0))
        return FB_ERR_ARGUMENT;
    if (FB_UNLIKELY(message_length > core->max_message_bytes))
        return fb_budget_is_closed(&core->budget) ? FB_ERR_CLOSED : FB_ERR_TOO_LARGE;
    span = fb_record_span(message_length);
    result = fb_budget_charge(&core->budget, span, &charged);
    if (FB_UNLIKELY(result != FB_OK))
        return result;
    if (FB_UNLIKELY(fb_ring_claim(&core->ring, (uint32_t)span, &record, &message.sequence) != FB_OK)) {
        fb_budget_refund(&core->budget, span);
        return FB_ERR_FULL;
    }
    record->crc32c = 0;
    record->sequence = message.sequence;
    record->time_ns = now_ns;
    fb_template_write(template, &message, fb_record_message(record));
    fb_segment_commit(record, (uint32_t)message_length);
    return wake_result(core, message.sequence, charged);
}

int
fb_push(struct fb_entry *entry, const char *fields)
{
    return fb_core_append(entry->core, entry->template_number, fields, strlen(fields), fb_clock_now_ns());
}

/* Consumers. */

/*
 * Takes what `plan` has room for, under the ring's lock; without an envelope, whatever is there. Returns the count, or
 * FB_ERR_TOO_LARGE when the first record alone does not fit.
 */
static int
take_range(struct fb_core *core, uint32_t max_messages, struct fb_frame plan, fb_ref *refs, struct fb_batch *batch)
{
    batch->count = 0;
    while (batch->count < max_messages) {
        struct fb_record *record = fb_ring_peek(&core->ring);

        if (record == NULL)
            break;
        if (plan.envelope != NULL && !fb_frame_plan(&plan, fb_record_length(record)))
            return batch->count > 0 ? (int)batch->count : FB_ERR_TOO_LARGE;
        if (batch->count == 0) {
            batch->first_sequence = record->sequence;
            batch->oldest_ns = record->time_ns;
        }
        refs[batch->count++] = fb_ring_take(&core->ring, record);
    }
    return (int)batch->count;
}

static void
frame_records(struct fb_core *core, struct fb_frame *frame, const fb_ref *refs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct fb_record *record = fb_ring_record(&core->ring, refs[i]);

        (void)fb_frame_append(frame, fb_record_message(record), fb_record_length(record));
    }
}

int
fb_core_take(struct fb_core *core, uint32_t max_messages, uint64_t max_bytes, const struct fb_envelope *envelope,
             char *body, fb_ref *refs, struct fb_batch *batch)
{
    struct fb_frame frame = {0};
    int count;

    if (is_forked(core))
        return FB_ERR_FORKED;
    if (envelope != NULL && !fb_frame_open(&frame, envelope, body, max_bytes))
        return FB_ERR_TOO_LARGE;
    pthread_mutex_lock(&core->ring.lock);
    count = take_range(core, max_messages, frame, refs, batch);
    pthread_mutex_unlock(&core->ring.lock);
    batch->body_length = 0;
    if (envelope != NULL && count > 0) {
        frame_records(core, &frame, refs, batch->count);
        batch->body_length = fb_frame_close(&frame);
    }
    return count;
}

int
fb_core_frame(struct fb_core *core, const fb_ref *refs, uint32_t count, const struct fb_envelope *envelope, char *body,
              uint64_t max_bytes, uint64_t *length)
{
    struct fb_frame frame;

    if (is_forked(core))
        return FB_ERR_FORKED;
    if (!fb_frame_open(&frame, envelope, body, max_bytes))
        return FB_ERR_TOO_LARGE;
    frame_records(core, &frame, refs, count);
    if (frame.count < count)
        return FB_ERR_TOO_LARGE;
    *length = fb_frame_close(&frame);
    return FB_OK;
}

int
fb_core_read(struct fb_core *core, fb_ref ref, const char **message, uint32_t *length)
{
    struct fb_record *record;

    if (is_forked(core))
        return FB_ERR_FORKED;
    record = fb_ring_record(&core->ring, ref);
    *message = fb_record_message(record);
    *length = fb_record_length(record);
    return FB_OK;
}

void
fb_core_acknowledge(struct fb_core *core, const fb_ref *refs, uint32_t count)
{
    if (!is_forked(core))
        fb_budget_release(&core->budget, fb_ring_acknowledge(&core->ring, refs, count));
}

int
fb_core_arm(struct fb_core *core, uint32_t messages, uint64_t bytes)
{
    uint64_t wake_sequence, wake_bytes;
    bool is_enough;

    if (is_forked(core))
        return FB_ERR_FORKED;
    pthread_mutex_lock(&core->ring.lock);
    wake_sequence = core->ring.taken + messages;
    /* However large: UINT64_MAX means never. */
    wake_bytes = bytes > UINT64_MAX - core->ring.taken_bytes ? UINT64_MAX : core->ring.taken_bytes + bytes;
    /* Relaxed: S_SLEEP below publishes both. */
    atomic_store_explicit(&core->wake_sequence, wake_sequence, memory_order_relaxed);
    /* Relaxed: as above. */
    atomic_store_explicit(&core->wake_bytes, wake_bytes, memory_order_relaxed);
    /* S_SLEEP: mark first, then look at the claims; see wake_result(). */
    atomic_exchange_explicit(&core->waiting, true, memory_order_seq_cst);
    is_enough = fb_ring_accepted(&core->ring) >= wake_sequence;
    /* An append charges before it claims, so what S_SLEEP shows us of its claim brings its charge along. */
    is_enough |= fb_budget_charged(&core->budget) >= wake_bytes;
    if (is_enough)
        /* S_SLEEP: take our own mark back, unless an append already has; one wake-up too many does no harm. */
        atomic_exchange_explicit(&core->waiting, false, memory_order_seq_cst);
    pthread_mutex_unlock(&core->ring.lock);
    return is_enough ? FB_WAKE : FB_OK;
}

void
fb_core_close(struct fb_core *core)
{
    fb_budget_close(&core->budget);
}

void
fb_core_snapshot(struct fb_core *core, struct fb_snapshot *out)
{
    struct fb_record *oldest;
    uint64_t charged;

    memset(out, 0, sizeof *out);
    if (is_forked(core))
        return;
    pthread_mutex_lock(&core->ring.lock);
    oldest = fb_ring_peek(&core->ring);
    out->oldest_ns = oldest == NULL ? 0 : oldest->time_ns;
    out->taken = core->ring.taken;
    out->accepted = fb_ring_accepted(&core->ring);
    charged = fb_budget_used(&core->budget, &out->used_bytes);
    out->pending_bytes = charged - core->ring.taken_bytes;
    pthread_mutex_unlock(&core->ring.lock);
}
