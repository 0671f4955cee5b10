/* run.h - `mtls-proxy run`: serve in the foreground.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_RUN_H
#define PROXY_CLI_RUN_H

/* argv[0] is "run". Returns the exit status: 0 stopped as asked, 1 configuration or run-time
 * failure, 2 usage, 3 cannot bind. */
int cli_run(int argc, char **argv);

#endif
