/* SPDX-License-Identifier: MIT */
#include "process/trace_process.h"

#include <errno.h>
#include <inttypes.h>
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
#include "base/text.h"
#include "process/control.h"
#include "process/path_problem.h"
#include "process/spawn.h"
#include "trace/trace_folder.h"
#include "trace/trace_wire.h"

#define RESTART_S       1
#define END_WAIT_MS     1000
#define LOG_INTERVAL_MS UINT64_C(60000)

struct trace_process {
    struct trace_process_options options;
    int fds[2]; /* of trace_wire_pair(); kept, so that what is on its way outlives the process */
    int control_fd;
    pid_t pid; /* 0: none */
    struct event *restart;
};

/* ---- the process itself ------------------------------------------------------------------- */

struct trace_writer {
    const struct trace_process *process;
    struct trace_folder folder;
    int control_fd; /* -1: the master is gone */
    int error_fd;
    uint64_t lost; /* since the last line */
    uint64_t log_at_ms;
};

static void lose(struct trace_writer *writer, int error)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct text text = {0};
    struct text line = {0};
    writer->lost++;
    if (now_ms < writer->log_at_ms)
        return;
    path_problem_add(&text, writer->folder.path, error);
    text_add_cstr(&line, "directory=");
    text_add_quoted(&line, str_of(writer->folder.path));
    text_addf(&line, " error=%s text=", strerrorname_np(-error));
    text_add_quoted(&line, text_str(&text));
    log_error("trace.failed", "%s lost=%" PRIu64, line.ptr, writer->lost);
    text_clear(&text);
    text_clear(&line);
    writer->lost = 0;
    writer->log_at_ms = now_ms + LOG_INTERVAL_MS;
}

/* False when nobody can send any more. */
static bool take_trace(struct trace_writer *writer)
{
    struct trace_documents documents;
    int status = trace_wire_receive(writer->process->fds[0], &documents);
    if (status == -EINTR || status == -EPROTO)
        return true;
    if (status <= 0)
        return false;
    int error =
        trace_folder_write(&writer->folder, str_make(documents.bytes, documents.xml_len),
                           str_make(documents.bytes + documents.xml_len, documents.html_len));
    free(documents.bytes);
    if (error < 0)
        lose(writer, error);
    return true;
}

static void take_control(struct trace_writer *writer)
{
    const struct logs *logs = writer->process->options.logs;
    struct control_message message;
    int status;
    while ((status = control_receive(writer->control_fd, &message)) == 1) {
        if (message.kind == CONTROL_LOG && message.log == CONTROL_LOG_ERROR) {
            log_configure(message.fd, (enum log_level)logs->config->log.error_level,
                          logs->is_journal, logs->config->log.error_json);
            (void)close(writer->error_fd);
            writer->error_fd = message.fd;
        } else if (message.fd >= 0) {
            (void)close(message.fd);
        }
    }
    if (status == -EAGAIN)
        return;
    (void)close(writer->control_fd);
    writer->control_fd = -1;
}

static void run(struct trace_writer *writer)
{
    bool goes_on = true;
    while (goes_on) {
        struct pollfd fds[2] = {{.fd = writer->process->fds[0], .events = POLLIN},
                                {.fd = writer->control_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents != 0)
            take_control(writer);
        if (fds[0].revents != 0)
            goes_on = take_trace(writer);
    }
}

/* It ends by itself: whoever stops the master or the workers ends it, too. */
static void ignore_signals(void)
{
    static const int IGNORED[] = {SIGINT,  SIGQUIT, SIGHUP,  SIGTERM,
                                  SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof IGNORED / sizeof IGNORED[0]; i++)
        (void)signal(IGNORED[i], SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
}

static int writer_main(const struct process_seat *seat)
{
    const struct trace_process *process = seat->arg;
    const struct privileges *privileges = process->options.privileges;
    const struct config_tracing *config = &process->options.config->tracing;
    struct trace_writer writer = {
        .process = process,
        .folder = TRACE_FOLDER_INIT(config->directory.text, config->max_files),
        .control_fd = seat->control_fd,
        .error_fd = process->options.logs->error_fd,
    };
    int keep[] = {process->fds[0], writer.control_fd, writer.error_fd};
    spawn_close_others(keep, sizeof keep / sizeof keep[0]);
    ignore_signals();
    (void)prctl(PR_SET_NAME, "traces");
    logs_use(process->options.logs);
    /* With the master's rights it may be made where the user may not. */
    bool is_dropping = privileges->is_dropping;
    int error = trace_folder_open(&writer.folder, is_dropping ? privileges->uid : (uid_t)-1,
                                  is_dropping ? privileges->gid : (gid_t)-1);
    if (error < 0)
        lose(&writer, error);
    error = privileges_drop(privileges);
    if (error < 0) {
        log_error("trace.privileges", "error=%s", strerrorname_np(-error));
        return EXIT_FAILURE;
    }
    (void)pthread_sigmask(SIG_SETMASK, &seat->signals, NULL);
    run(&writer);
    trace_folder_close(&writer.folder);
    return EXIT_SUCCESS;
}

/* ---- the master --------------------------------------------------------------------------- */

static void schedule_restart(const struct trace_process *process)
{
    struct timeval wait = {.tv_sec = RESTART_S};
    (void)evtimer_add(process->restart, &wait);
}

static void start(struct trace_process *process)
{
    struct process_seat seat = {.kind = PROCESS_TRACES, .arg = process};
    int error = spawn_process(process->options.base, seat, writer_main, &process->pid,
                              &process->control_fd);
    if (error == 0)
        return;
    log_error("trace.fork", "error=%s", strerrorname_np(-error));
    schedule_restart(process);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    start(arg);
}

static bool has_rules(const struct config *config)
{
    if (config->tracing.rules.count > 0)
        return true;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        if (site->access.tracing.count > 0)
            return true;
        for (size_t j = 0; j < site->location_count; j++) {
            if (site->locations[j].access.tracing.count > 0)
                return true;
        }
    }
    return false;
}

struct trace_process *trace_process_new(const struct trace_process_options *options)
{
    if (options->config->tracing.directory.text == NULL || !has_rules(options->config))
        return NULL;
    struct trace_process *process = xmalloc(sizeof *process);
    *process = (struct trace_process){.options = *options, .control_fd = -1};
    int error = trace_wire_pair(process->fds);
    if (error < 0) {
        log_error("trace.failed", "error=%s", strerrorname_np(-error));
        free(process);
        return NULL;
    }
    process->restart = evtimer_new(options->base, on_restart, process);
    start(process);
    return process;
}

static void end_control(struct trace_process *process)
{
    if (process->control_fd >= 0)
        (void)close(process->control_fd);
    process->control_fd = -1;
}

/* What is on its way is worth a moment: the master may be process 1 of a container, and take
 * everybody with it. A disk that hangs is not. */
static void await_end(const struct trace_process *process)
{
    for (int i = 0; i < END_WAIT_MS / 10 && process->pid > 0; i++) {
        if (waitpid(process->pid, NULL, WNOHANG) != 0)
            return;
        (void)poll(NULL, 0, 10);
    }
}

void trace_process_free(struct trace_process *process)
{
    if (process == NULL)
        return;
    event_free(process->restart);
    end_control(process);
    (void)close(process->fds[0]);
    (void)close(process->fds[1]);
    await_end(process);
    free(process);
}

int trace_process_fd(const struct trace_process *process)
{
    return process == NULL ? -1 : process->fds[1];
}

void trace_process_set_log(struct trace_process *process, int fd)
{
    struct control_message message = {
        .kind = CONTROL_LOG, .process = PROCESS_TRACES, .log = CONTROL_LOG_ERROR, .fd = fd};
    /* A writer that is stuck in a disk reads it later, or is gone. */
    if (process != NULL && process->control_fd >= 0)
        (void)!control_send(process->control_fd, &message);
}

bool trace_process_reaped(struct trace_process *process, pid_t pid)
{
    if (process == NULL || process->pid != pid)
        return false;
    log_warn("trace.died", "pid=%d restart_ms=%d", (int)pid, 1000 * RESTART_S);
    process->pid = 0;
    end_control(process);
    schedule_restart(process);
    return true;
}
