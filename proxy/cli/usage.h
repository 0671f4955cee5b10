/* usage.h - what is wrong with a command line, in one line.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_USAGE_H
#define PROXY_CLI_USAGE_H

/* "mtls-proxy COMMAND: PROBLEM WHAT (mtls-proxy COMMAND --help tells more)" on stderr; what may be
 * NULL. CLI_USAGE. */
int usage_refuse(const char *command, const char *problem, const char *what);
/* After getopt_long() returned '?' or ':': names the option. Its option string begins with a colon,
 * so that it prints nothing itself. CLI_USAGE. */
int usage_refuse_option(const char *command, int result, char *const *argv);

#endif
