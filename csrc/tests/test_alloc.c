/* Memory runs out at the first request, at the second, and so on (rax's idea): an error each time, and no leak. */
#include "fb_test.h"

#include "../fastbatch.h"
#include "../fb_common.h"

static int fails_at; /* counts down; the request that finds 1 fails */

bool
fb_test_request_fails(void)
{
    return fails_at > 0 && --fails_at == 0;
}

static const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};

/* Makes a core, uses it, frees it. Returns the first error. */
static int
live(void)
{
    struct fb_core *core = NULL;
    struct fb_batch batch;
    fb_ref ref;
    int result = fb_core_new(100000, 1000, 1, &core);

    if (result != FB_OK) {
        CHECK(core == NULL);
        return result;
    }
    result = fb_core_add_template(core, parts, 3);
    if (result == FB_ERR_NO_MEMORY) {
        /* The core is as it was: the same template gets the same number later. */
        CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
        fb_core_free(core);
        return result;
    }
    CHECK_EQ(result, 0);
    CHECK_EQ(fb_core_append(core, 0, "{abc}", 5, 1), FB_OK);
    CHECK_EQ(fb_core_take(core, 1, 0, NULL, NULL, &ref, &batch), 1);
    fb_core_acknowledge(core, &ref, 1);
    fb_core_free(core);
    return FB_OK;
}

/* Pages of address space: LeakSanitizer does not see what came from mmap(). */
static long
mapped_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (file != NULL) {
        CHECK_EQ(fscanf(file, "%ld", &pages), 1);
        fclose(file);
    }
    return pages;
}

static void
test_mapped_memory_is_given_back(int requests)
{
    const long before = mapped_pages();

    for (int round = 0; round < 1000; round++) {
        fails_at = 1 + round % requests;
        (void)live();
    }
    /* One segment is 16 pages and more. */
    CHECK(mapped_pages() - before < 4000);
}

int
main(void)
{
    int requests = 1;

    for (;; requests++) {
        fails_at = requests;
        if (live() == FB_OK)
            break;
        CHECK_EQ(fails_at, 0);
        CHECK_EQ(live(), FB_OK);
    }
    /* The core, its guard, its segments' table, at least 6 segments, a template: nothing goes round the seam. */
    CHECK(requests > 10);
    CHECK_EQ(fails_at, 1);
    test_mapped_memory_is_given_back(requests);
    return 0;
}
