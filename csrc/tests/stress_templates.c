/* Templates are added while messages of the templates before are appended. */
#include "fb_test.h"

#include <stdatomic.h>

#include "../fastbatch.h"

#define TEMPLATES 1024

static struct fb_core *core;
static atomic_int newest;

static void *
append_with_the_newest(void *argument)
{
    struct fb_batch batch;
    int template_number;
    fb_ref ref;

    (void)argument;
    do {
        template_number = atomic_load_explicit(&newest, memory_order_acquire); /* A_NEWEST: the template. */
        CHECK_EQ(fb_core_append(core, template_number, "{abc}", 5, 0), FB_OK);
        CHECK_EQ(fb_core_take(core, 1, 0, NULL, NULL, &ref, &batch), 1);
        fb_core_acknowledge(core, &ref, 1);
    } while (template_number < TEMPLATES - 1);
    return NULL;
}

int
main(void)
{
    const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
    pthread_t thread;

    CHECK_EQ(fb_core_new(100000, 1000, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
    thread = fb_test_start(append_with_the_newest, NULL);
    for (int i = 1; i < TEMPLATES; i++) {
        CHECK_EQ(fb_core_add_template(core, parts, 3), i);
        atomic_store_explicit(&newest, i, memory_order_release); /* R_NEWEST: see above. */
    }
    fb_test_join(thread);
    fb_core_free(core);
    return 0;
}
