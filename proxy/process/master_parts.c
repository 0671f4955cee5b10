/* What the real master is made of. A file of its own, so that a test of the master does not need
 * the rest of the program.
 *
 * SPDX-License-Identifier: MIT */
#include "advice/advice.h"
#include "config/config_load.h"
#include "engine/snapshot_load.h"
#include "net/listener.h"
#include "process/master.h"
#include "process/worker.h"

int master_run(const char *config_file, int keylog_fd, const char *program, char *const *arguments)
{
    const struct master_parts parts = {
        .config_load = config_load,
        .config_free = config_free,
        .snapshot_new = advice_snapshot_new,
        .snapshot_free = snapshot_free,
        .listener_open = listener_open,
        .worker_main = worker_main,
        .keylog_fd = keylog_fd,
        .program = program,
        .arguments = arguments,
    };
    return master_run_with(config_file, &parts);
}
