/* SPDX-License-Identifier: MIT */
#include "upstreams/upstream_resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/deadline.h"
#include "core/engine_state.h"
#include "core/snapshot.h"
#include "upstreams/upstream.h"
#include "upstreams/upstream_resolve.h"

/* A name without any address is asked for this often at least. */
#define UNRESOLVED_MS 2000
#define RESTART_MS    1000

struct lookup {
    const struct snapshot_server *server;
    uint64_t every_ms;
    uint64_t next_ms;
    struct resolved known;
};

struct upstream_resolver {
    struct engine *engine;
    pid_t pid;           /* 0: not running */
    int fd;              /* a byte for each change; its end: the helper is gone */
    struct event *event; /* on fd */
    struct deadline restart;
};

/* ---- the helper --------------------------------------------------------------------------- */

static size_t count_names(const struct snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->upstream_count; i++) {
        for (size_t j = 0; j < snapshot->upstreams[i].server_count; j++)
            count += snapshot->upstreams[i].servers[j].resolved != NULL;
    }
    return count;
}

static void lookup_init(struct lookup *lookup, const struct snapshot_server *server,
                        uint64_t every_ms, uint64_t now_ms)
{
    lookup->server = server;
    lookup->every_ms = every_ms;
    lookup->next_ms = now_ms + every_ms;
    lookup->known.count = server->addr_count;
    for (size_t i = 0; i < server->addr_count; i++)
        lookup->known.addrs[i] = server->addrs[i];
    /* A helper before this one may have found something else than was found at load. */
    uint64_t seen = 0;
    if (resolve_slot_read(server->resolved, &seen, &lookup->known) || lookup->known.count == 0)
        lookup->next_ms = now_ms;
}

static struct lookup *list_names(const struct snapshot *snapshot, uint64_t now_ms)
{
    struct lookup *lookups = xcalloc(count_names(snapshot), sizeof *lookups);
    size_t count = 0;
    for (size_t i = 0; i < snapshot->upstream_count; i++) {
        const struct snapshot_upstream *upstream = &snapshot->upstreams[i];
        for (size_t j = 0; j < upstream->server_count; j++) {
            if (upstream->servers[j].resolved != NULL)
                lookup_init(&lookups[count++], &upstream->servers[j], upstream->config->resolve_ms,
                            now_ms);
        }
    }
    return lookups;
}

static bool look_up(struct lookup *lookup)
{
    const struct config_server *config = lookup->server->config;
    bool is_new = resolve_update(lookup->server->resolved, resolve_name, config->host, config->port,
                                 &lookup->known);
    uint64_t wait_ms = lookup->every_ms;
    if (lookup->known.count == 0 && wait_ms > UNRESOLVED_MS)
        wait_ms = UNRESOLVED_MS;
    lookup->next_ms = clock_monotonic_ms() + wait_ms;
    return is_new;
}

/* One after the other: a name server that does not answer delays the others, never a request. */
static NORETURN void run_helper(const struct snapshot *snapshot, int fd)
{
    size_t count = count_names(snapshot);
    struct lookup *lookups = list_names(snapshot, clock_monotonic_ms());
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        uint64_t next_ms = UINT64_MAX;
        for (size_t i = 0; i < count; i++) {
            /* Full means that a word is waiting there anyway. */
            if (lookups[i].next_ms <= now_ms && look_up(&lookups[i]) && write(fd, "!", 1) < 0 &&
                errno != EAGAIN)
                _exit(EXIT_FAILURE);
            if (lookups[i].next_ms < next_ms)
                next_ms = lookups[i].next_ms;
        }
        now_ms = clock_monotonic_ms();
        uint64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 1;
        (void)poll(NULL, 0, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    }
}

static NORETURN void become_helper(const struct snapshot *snapshot, pid_t parent, int fd)
{
    sigset_t none;
    (void)sigemptyset(&none);
    /* Nothing of the worker's is ours: no listening socket may stay open here. */
    int kept = dup2(fd, STDERR_FILENO + 1);
    (void)close_range(STDERR_FILENO + 2, ~0U, 0);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "resolver");
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* The worker may have ended before the kernel was told. */
    if (kept < 0 || fcntl(kept, F_SETFL, O_NONBLOCK) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    run_helper(snapshot, kept);
}

/* ---- the worker --------------------------------------------------------------------------- */

static void log_change(const struct upstream_server *server)
{
    const char *host = server->config->config->host;
    if (server->resolve_error != 0)
        log_warn("upstream.resolve", "upstream=\"%s\" host=\"%s\" addresses=%zu error=\"%s\"",
                 server->group->config->name, host, server->addr_count,
                 gai_strerror(server->resolve_error));
    else
        log_info("upstream.resolve", "upstream=\"%s\" host=\"%s\" addresses=%zu",
                 server->group->config->name, host, server->addr_count);
}

static void refresh_all(const struct engine *engine)
{
    for (size_t i = 0; i < engine->snapshot->upstream_count; i++) {
        struct upstream_group *group = &engine->groups[i];
        for (size_t j = 0; j < group->server_count; j++) {
            if (upstream_resolve_refresh(&group->servers[j]))
                log_change(&group->servers[j]);
        }
    }
}

static void stop_helper(struct upstream_resolver *resolver)
{
    if (resolver->event != NULL)
        event_free(resolver->event);
    resolver->event = NULL;
    if (resolver->fd >= 0)
        (void)close(resolver->fd);
    resolver->fd = -1;
    if (resolver->pid > 0) {
        (void)kill(resolver->pid, SIGKILL);
        (void)waitpid(resolver->pid, NULL, 0);
    }
    resolver->pid = 0;
}

static void on_helper(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct upstream_resolver *resolver = arg;
    char words[64];
    ssize_t len;
    while ((len = read(fd, words, sizeof words)) > 0)
        continue;
    refresh_all(resolver->engine);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stop_helper(resolver);
    if (resolver->engine->is_draining)
        return;
    log_warn("upstream.resolver", "error=\"the helper ended\"");
    deadline_set(&resolver->restart, RESTART_MS);
}

static void start_helper(void *arg)
{
    struct upstream_resolver *resolver = arg;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        log_warn("upstream.resolver", "error=\"%s\"", strerrordesc_np(errno));
        deadline_set(&resolver->restart, RESTART_MS);
        return;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_helper(resolver->engine->snapshot, parent, fds[1]);
    (void)close(fds[1]);
    if (pid < 0) {
        log_warn("upstream.resolver", "error=\"%s\"", strerrordesc_np(errno));
        (void)close(fds[0]);
        deadline_set(&resolver->restart, RESTART_MS);
        return;
    }
    resolver->pid = pid;
    resolver->fd = fds[0];
    resolver->event =
        event_new(resolver->engine->base, fds[0], EV_READ | EV_PERSIST, on_helper, resolver);
    (void)event_add(resolver->event, NULL);
}

struct upstream_resolver *upstream_resolver_new(struct engine *engine)
{
    if (engine->slot != 0 || count_names(engine->snapshot) == 0)
        return NULL;
    struct upstream_resolver *resolver = xcalloc(1, sizeof *resolver);
    resolver->engine = engine;
    resolver->fd = -1;
    deadline_init(&resolver->restart, engine->base, start_helper, resolver);
    start_helper(resolver);
    return resolver;
}

void upstream_resolver_free(struct upstream_resolver *resolver)
{
    if (resolver == NULL)
        return;
    stop_helper(resolver);
    deadline_clear(&resolver->restart);
    free(resolver);
}
