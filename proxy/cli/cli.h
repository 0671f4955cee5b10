/* cli.h - the sub-commands of mtls-proxy.
 *
 * Each gets the arguments from its own name on (argv[0] is "check") and returns the exit status;
 * --help prints its usage on stdout and returns CLI_OK.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLI_CLI_H
#define PROXY_CLI_CLI_H

enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1, /* configuration or run-time failure */
    CLI_USAGE = 2,
    CLI_CANNOT_BIND = 3,
    CLI_REFUSED = 10 /* explain: the certificate is refused */
};

/* Serves in the foreground until it is told to stop. */
int cli_run(int argc, char **argv);
/* Loads everything that run would load and reports every problem. */
int cli_check(int argc, char **argv);
/* Judges a certificate with the production code, off line. */
int cli_explain(int argc, char **argv);
/* The embedded backend behind a listener of its own. */
int cli_echo(int argc, char **argv);
/* Makes a throwaway PKI and a starter configuration in a folder. */
int cli_init(int argc, char **argv);
/* Adds to what init made: certificates and revocation lists. */
int cli_pki(int argc, char **argv);
/* Prints every key of the configuration, as a JSON schema or as text. */
int cli_schema(int argc, char **argv);
/* Prints the version, the libraries and how the program was built. */
int cli_version(int argc, char **argv);

#endif
