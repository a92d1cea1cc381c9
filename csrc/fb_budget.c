#include "fb_budget.h"

void
fb_budget_init(struct fb_budget *budget, uint64_t max_bytes)
{
    atomic_init(&budget->charged_bytes, 0);
    atomic_init(&budget->released_bytes, 0);
    budget->max_bytes = max_bytes;
}

void
fb_budget_refund(struct fb_budget *budget, uint64_t bytes)
{
    /* Relaxed: a number, as in fb_budget_charge(). */
    atomic_fetch_sub_explicit(&budget->charged_bytes, bytes, memory_order_relaxed);
}

void
fb_budget_release(struct fb_budget *budget, uint64_t bytes)
{
    /* R_REFUND: room for fb_budget_charge(). */
    atomic_fetch_add_explicit(&budget->released_bytes, bytes, memory_order_release);
}

void
fb_budget_close(struct fb_budget *budget)
{
    /* Relaxed: ordered against the charges, which are swaps of the same word. */
    atomic_fetch_or_explicit(&budget->charged_bytes, FB_BUDGET_CLOSED, memory_order_relaxed);
}

bool
fb_budget_is_closed(struct fb_budget *budget)
{
    /* Relaxed: nothing is read on the strength of it. */
    return atomic_load_explicit(&budget->charged_bytes, memory_order_relaxed) & FB_BUDGET_CLOSED;
}

uint64_t
fb_budget_charged(struct fb_budget *budget)
{
    /* Relaxed: a number, as in fb_budget_charge(). */
    return atomic_load_explicit(&budget->charged_bytes, memory_order_relaxed) & ~FB_BUDGET_CLOSED;
}

uint64_t
fb_budget_used(struct fb_budget *budget, uint64_t *used)
{
    /* A_REFUND: read before the charges, so that the difference is never negative. */
    const uint64_t released = atomic_load_explicit(&budget->released_bytes, memory_order_acquire);
    const uint64_t charged = fb_budget_charged(budget);

    *used = charged - released;
    return charged;
}
