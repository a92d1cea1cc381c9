/* Forks: a child, however it was made, is refused its parent's core, and the parent keeps what it had. */
#include "fb_test.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fastbatch.h"
#include "../fb_fork.h"

#define MANY 64

static const struct fb_part parts[] = {{FB_LITERAL, 1, "{"}, {FB_FIELDS, 0, NULL}, {FB_LITERAL, 1, "}"}};
static const struct fb_envelope envelope = {"[", "{", "]", 1, 1, 1};

static bool wipes; /* whether the kernel knows MADV_WIPEONFORK */

/* Stands in for the C library's own, to be an older kernel, or another system. */
int
madvise(void *pages, size_t bytes, int advice)
{
#ifdef MADV_WIPEONFORK
    if (advice != MADV_WIPEONFORK || wipes)
        return (int)syscall(SYS_madvise, pages, bytes, advice);
#else
    (void)pages;
    (void)bytes;
    (void)advice;
#endif
    errno = EINVAL;
    return -1;
}

static struct fb_core *
new_core(void)
{
    struct fb_core *core = NULL;

    CHECK_EQ(fb_core_new(100000, 1000, 1, &core), FB_OK);
    CHECK_EQ(fb_core_add_template(core, parts, 3), 0);
    return core;
}

static int
append(struct fb_core *core, const char *fields)
{
    return fb_core_append(core, 0, fields, strlen(fields), 1);
}

/* Everything a child may do with its parent's core. Returns 0 when each answers as it should. */
static int
use_as_child(struct fb_core *core, fb_ref ref)
{
    struct fb_snapshot snapshot;
    struct fb_batch batch;
    const char *message;
    char body[64];
    fb_ref refs[MANY];
    uint64_t body_length;
    uint32_t length;
    int wrong = 0;

    wrong += append(core, "{abc}") != FB_ERR_FORKED;
    wrong += fb_push(fb_core_entry(core, 0), "{abc}") != FB_ERR_FORKED;
    wrong += fb_core_take(core, MANY, 0, NULL, NULL, refs, &batch) != FB_ERR_FORKED;
    wrong += fb_core_frame(core, &ref, 1, &envelope, body, sizeof body, &body_length) != FB_ERR_FORKED;
    wrong += fb_core_read(core, ref, &message, &length) != FB_ERR_FORKED;
    wrong += fb_core_arm(core, 1, 1) != FB_ERR_FORKED;
    fb_core_acknowledge(core, &ref, 1);
    fb_core_snapshot(core, &snapshot);
    wrong += snapshot.accepted != 0 || snapshot.used_bytes != 0;
    fb_core_close(core);
    fb_core_free(core);
    return wrong;
}

static void
wait_for(pid_t child)
{
    int status = 0;

    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static pid_t
fork_past_the_library(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void
test_child_is_refused_and_parent_goes_on(pid_t (*make_child)(void), bool kernel_wipes)
{
    struct fb_core *core;
    struct fb_batch batch;
    fb_ref refs[MANY];
    char body[64];
    pid_t child;

    wipes = kernel_wipes;
    core = new_core();
    CHECK_EQ(append(core, "{abc}"), FB_OK);
    CHECK_EQ(append(core, "{def}"), FB_OK);
    CHECK_EQ(fb_core_take(core, 1, sizeof body, &envelope, body, refs, &batch), 1);
    child = make_child();
    CHECK(child >= 0);
    if (child == 0)
        _exit(use_as_child(core, refs[0]));
    wait_for(child);
    CHECK_EQ(append(core, "{ghi}"), FB_OK);
    CHECK_EQ(fb_core_take(core, 1, sizeof body, &envelope, body, refs + 1, &batch), 1);
    CHECK_BYTES(body, batch.body_length, "[{def}]");
    fb_core_acknowledge(core, refs, 2);
    fb_core_free(core);
}

/* Returns 0 when a core works in the child that made it and in none of its children, down to this depth. */
static int
descend(int depth, uint32_t forks)
{
    struct fb_core *core = new_core();
    int status = 0, wrong = fb_fork_count() != forks;
    pid_t child;

    wrong += append(core, "{abc}") != FB_OK;
    if (depth > 0) {
        child = fork();
        if (child == 0)
            _exit((append(core, "{abc}") != FB_ERR_FORKED) + descend(depth - 1, forks + 1));
        wrong += waitpid(child, &status, 0) != child || status != 0;
    }
    wrong += append(core, "{abc}") != FB_OK;
    fb_core_free(core);
    return wrong;
}

static void
test_every_generation_has_cores_of_its_own(void)
{
    wipes = false;
    CHECK(fb_fork_is_counted());
    CHECK_EQ(descend(5, fb_fork_count()), 0);
}

/* Forks in one thread while others append: each child is refused, and no append of the parent's is. */
static void *
append_until_stopped(void *arg)
{
    struct fb_core *core = arg;
    struct fb_batch batch;
    fb_ref refs[MANY];
    int count;

    for (int i = 0; i < 20000; i++) {
        CHECK_EQ(append(core, "{abc}"), FB_OK);
        count = fb_core_take(core, MANY, 0, NULL, NULL, refs, &batch);
        CHECK(count >= 0);
        fb_core_acknowledge(core, refs, (uint32_t)count);
    }
    return NULL;
}

static void
test_forks_beside_appends(void)
{
    struct fb_core *core;
    pthread_t thread;

    wipes = false;
    core = new_core();
    CHECK_EQ(pthread_create(&thread, NULL, append_until_stopped, core), 0);
    for (int i = 0; i < 50; i++) {
        const pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0)
            _exit(append(core, "{abc}") != FB_ERR_FORKED);
        wait_for(child);
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    fb_core_free(core);
}

int
main(void)
{
    test_child_is_refused_and_parent_goes_on(fork, false);
    test_child_is_refused_and_parent_goes_on(fork, true);
#ifdef MADV_WIPEONFORK
    test_child_is_refused_and_parent_goes_on(fork_past_the_library, true);
#endif
    test_every_generation_has_cores_of_its_own();
    test_forks_beside_appends();
    return 0;
}
