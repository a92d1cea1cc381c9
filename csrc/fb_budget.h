/*
 * fb_budget.h: the byte budget of the queue. A record is charged before its space is claimed and released when it is
 * acknowledged; in between it counts, wherever it is.
 *
 * Ordering. A_X acquires what R_X releases.
 *
 *   label      object          written by  what the edge carries
 *   R/A_REFUND released_bytes  consumer    nothing but the number: room in the budget
 */
#ifndef FB_BUDGET_H
#define FB_BUDGET_H

#include "fastbatch.h"
#include "fb_common.h"

/* A bit of charged_bytes: there an append either comes before the closing, and who drains sees what it has charged, or its
 * swap fails. An append could look at a mark of its own, sleep, and charge when all is over. */
#define FB_BUDGET_CLOSED ((uint64_t)1 << 63)

struct fb_budget {
    /* Producers. */
    alignas(FB_CACHE_LINE) _Atomic uint64_t charged_bytes; /* in all, less what was refunded; perhaps FB_BUDGET_CLOSED */

    /* Consumers. */
    alignas(FB_CACHE_LINE) _Atomic uint64_t released_bytes; /* in all */
    uint64_t max_bytes;                                     /* here, since who charges looks at both */
};

void fb_budget_init(struct fb_budget *budget, uint64_t max_bytes);

/* Gives back what was charged and not used. */
void fb_budget_refund(struct fb_budget *budget, uint64_t bytes);

/* Gives back what was used, and is no longer. */
void fb_budget_release(struct fb_budget *budget, uint64_t bytes);

/* Later charges return FB_ERR_CLOSED. */
void fb_budget_close(struct fb_budget *budget);
bool fb_budget_is_closed(struct fb_budget *budget);

/* What was ever charged, less what was refunded. */
uint64_t fb_budget_charged(struct fb_budget *budget);

/* The same; `*used` is what of it was not released just before. */
uint64_t fb_budget_used(struct fb_budget *budget, uint64_t *used);

/* Charges `bytes`; `*charged` is then what fb_budget_charged() was just after. FB_OK, FB_ERR_FULL or FB_ERR_CLOSED. Inline,
 * because it is in the way of every event. */
static inline int
fb_budget_charge(struct fb_budget *budget, uint64_t bytes, uint64_t *charged)
{
    /* A_REFUND: the room, and the charges of what was released: the difference below is never negative. */
    uint64_t released = atomic_load_explicit(&budget->released_bytes, memory_order_acquire), again;
    /* Relaxed: a number; what it guards is ordered by the claim. */
    uint64_t before = atomic_load_explicit(&budget->charged_bytes, memory_order_relaxed);

    for (;;) {
        if (FB_UNLIKELY(before & FB_BUDGET_CLOSED))
            return FB_ERR_CLOSED;
        if (FB_LIKELY(before - released + bytes <= budget->max_bytes)) {
            /* Relaxed: as above. */
            if (FB_LIKELY(atomic_compare_exchange_weak_explicit(&budget->charged_bytes, &before, before + bytes,
                                                                memory_order_relaxed, memory_order_relaxed)))
                break;
            continue;
        }
        /* A_REFUND: the charges may be newer than what we know to be released. Only if that is still so was there no room. */
        again = atomic_load_explicit(&budget->released_bytes, memory_order_acquire);
        if (again == released)
            return FB_ERR_FULL;
        released = again;
        /* Relaxed: as above. Anew, so that the charges of what was released are in it. */
        before = atomic_load_explicit(&budget->charged_bytes, memory_order_relaxed);
    }
    *charged = before + bytes;
    return FB_OK;
}

#endif
