#include "fb_test.h"

#include "../fb_budget.h"

static void
test_bound_is_met_exactly(void)
{
    struct fb_budget budget;
    uint64_t charged;

    fb_budget_init(&budget, 100);
    CHECK_EQ(fb_budget_charge(&budget, 60, &charged), FB_OK);
    CHECK_EQ(charged, 60);
    CHECK_EQ(fb_budget_charge(&budget, 41, &charged), FB_ERR_FULL);
    CHECK_EQ(fb_budget_charge(&budget, 40, &charged), FB_OK);
    CHECK_EQ(charged, 100);
    CHECK_EQ(fb_budget_charge(&budget, 1, &charged), FB_ERR_FULL);
}

static void
test_what_is_released_is_room_and_stays_charged(void)
{
    struct fb_budget budget;
    uint64_t charged, used;

    fb_budget_init(&budget, 100);
    CHECK_EQ(fb_budget_charge(&budget, 100, &charged), FB_OK);
    fb_budget_release(&budget, 30);
    CHECK_EQ(fb_budget_charge(&budget, 31, &charged), FB_ERR_FULL);
    CHECK_EQ(fb_budget_charge(&budget, 30, &charged), FB_OK);
    CHECK_EQ(fb_budget_used(&budget, &used), 130);
    CHECK_EQ(used, 100);
}

static void
test_what_is_refunded_was_never_charged(void)
{
    struct fb_budget budget;
    uint64_t charged, used;

    fb_budget_init(&budget, 100);
    CHECK_EQ(fb_budget_charge(&budget, 100, &charged), FB_OK);
    fb_budget_refund(&budget, 100);
    CHECK_EQ(fb_budget_charged(&budget), 0);
    CHECK_EQ(fb_budget_used(&budget, &used), 0);
    CHECK_EQ(used, 0);
    CHECK_EQ(fb_budget_charge(&budget, 100, &charged), FB_OK);
}

/* Closed is said rather than full, and does not count as bytes. */
static void
test_a_closed_budget_refuses_and_still_counts(void)
{
    struct fb_budget budget;
    uint64_t charged, used;

    fb_budget_init(&budget, 100);
    CHECK_EQ(fb_budget_charge(&budget, 100, &charged), FB_OK);
    CHECK(!fb_budget_is_closed(&budget));
    fb_budget_close(&budget);
    fb_budget_close(&budget);
    CHECK(fb_budget_is_closed(&budget));
    CHECK_EQ(fb_budget_charge(&budget, 1, &charged), FB_ERR_CLOSED);
    CHECK_EQ(fb_budget_charged(&budget), 100);
    fb_budget_release(&budget, 100);
    CHECK_EQ(fb_budget_used(&budget, &used), 100);
    CHECK_EQ(used, 0);
    CHECK_EQ(fb_budget_charge(&budget, 1, &charged), FB_ERR_CLOSED);
}

int
main(void)
{
    test_bound_is_met_exactly();
    test_what_is_released_is_room_and_stays_charged();
    test_what_is_refunded_was_never_charged();
    test_a_closed_budget_refuses_and_still_counts();
    return 0;
}
