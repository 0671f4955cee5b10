/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/usage.h"
#include "config/config_load.h"
#include "engine/engine.h"
#include "engine/snapshot_load.h"
#include "net/listener.h"

static const char USAGE[] =
    "usage: mtls-proxy echo --listen ADDRESS:PORT\n"
    "\n"
    "A backend to put behind a proxy: answers every request with what it received, as text, or as\n"
    "JSON to a client that accepts application/json. Plain http; port 0 takes any free port.\n"
    "\n"
    "Some paths misbehave, so that a team can rehearse:\n"
    "  /status/503            that status          /close      the connection, instead of an "
    "answer\n"
    "  /delay/5s              an answer after 5 s  /reset      the same by a reset\n"
    "  /bytes/10m             so many bytes        /garbage    what is not HTTP\n"
    "  /drip[/BYTES[/EACH]]   10 bytes, one each second, or as given\n"
    "  /sse[/EVENTS[/EACH]]   server-sent events, one each second without end, or as given\n"
    "  /websocket             every message comes back\n"
    "\n"
    "  -l, --listen ADDRESS:PORT  where to listen, e.g. 127.0.0.1:8080\n"
    "  -h, --help                 this text\n";

static struct config *make_config(const char *listen, struct error_list *errors)
{
    struct text yaml = {0};
    text_add_cstr(&yaml, "sites:\n  - bindings: [");
    text_add_char(&yaml, '"');
    text_add_cstr(&yaml, "http://");
    text_add_cstr(&yaml, listen);
    text_add_cstr(&yaml, "\"]\n    upstream: echo\n    encoded_slash: keep\n");
    struct config *config = config_parse("--listen", yaml.ptr, yaml.len, errors);
    text_clear(&yaml);
    return config;
}

static void print_errors(struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        (void)fprintf(stderr, "mtls-proxy echo: %s\n", errors->entries[i].text);
    errors_clear(errors);
}

static void stop(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)event_base_loopbreak(arg);
}

static void serve(struct snapshot *snapshot, int fd, const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    struct event_base *base = event_base_new();
    struct engine_options options = {
        .base = base,
        .snapshot = snapshot,
        .listen_fds = &fd,
        .listen_addrs = addr,
        .access_log_fd = STDOUT_FILENO,
        .workers = 1,
    };
    struct engine *engine = engine_new(&options);
    struct event *on_term = evsignal_new(base, SIGTERM, stop, base);
    struct event *on_int = evsignal_new(base, SIGINT, stop, base);
    (void)event_add(on_term, NULL);
    (void)event_add(on_int, NULL);
    engine_accept(engine);
    log_notice("echo.ready", "bindings=\"http://%s\"", addr_format(addr, text));
    (void)event_base_dispatch(base);
    engine_free(engine);
    event_free(on_term);
    event_free(on_int);
    event_base_free(base);
}

static int run_echo(const char *listen)
{
    struct error_list errors = {0};
    struct config *config = make_config(listen, &errors);
    struct snapshot *snapshot = config == NULL ? NULL : snapshot_new(config, NULL, &errors);
    print_errors(&errors);
    if (snapshot == NULL)
        return CLI_USAGE;
    snapshot->is_backend = true;
    struct addr addr = snapshot->bindings[0].addr;
    int fd = -1;
    int error = listener_open(&addr, 1, &fd);
    if (error != 0) {
        (void)fprintf(stderr, "mtls-proxy echo: cannot listen on %s: %s\n", listen,
                      strerror(-error));
        snapshot_free(snapshot);
        return CLI_CANNOT_BIND;
    }
    serve(snapshot, fd, &addr);
    (void)close(fd);
    snapshot_free(snapshot);
    return CLI_OK;
}

int cli_echo(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *listen = NULL;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":l:h", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return CLI_OK;
        }
        if (option != 'l')
            return usage_refuse_option("echo", option, argv);
        listen = optarg;
    }
    if (optind < argc)
        return usage_refuse("echo", "unexpected argument", argv[optind]);
    if (listen == NULL)
        return usage_refuse("echo", "give --listen ADDRESS:PORT", NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return run_echo(listen);
}
