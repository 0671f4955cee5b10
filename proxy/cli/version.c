/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <gnu/libc-version.h>
#include <stdio.h>

#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <yaml.h>

#include "cli/cli.h"
#include "cli/usage.h"
#include "tls/tls_hooks.h"

static const char USAGE[] = "usage: mtls-proxy version\n"
                            "\n"
                            "Prints the version, the libraries in use and how this was built.\n";

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const char *hardening(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return "sanitizers";
#elif defined(_FORTIFY_SOURCE)
    return "fortified, position-independent, full RELRO";
#else
    return "position-independent, full RELRO";
#endif
}

int cli_version(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'}, {0}};
    optind = 0; /* getopt(3): start anew on another argv */
    int option;
    while ((option = getopt_long(argc, argv, ":h", OPTIONS, NULL)) != -1) {
        if (option != 'h')
            return usage_refuse_option("version", option, argv);
        (void)fputs(USAGE, stdout);
        return CLI_OK;
    }
    if (optind < argc)
        return usage_refuse("version", "unexpected argument", argv[optind]);
    (void)printf("mtls-proxy %s\n", MTLS_PROXY_VERSION);
    (void)printf("openssl   %s (built with %s)\n", OpenSSL_version(OPENSSL_VERSION_STRING),
                 OPENSSL_VERSION_TEXT);
    (void)printf("libevent  %s (built with %s)\n", event_get_version(), LIBEVENT_VERSION);
    (void)printf("libyaml   %s\n", yaml_get_version_string());
    (void)printf("jansson   %s (built with %s)\n", jansson_version_str(), JANSSON_VERSION);
    (void)printf("libc      glibc %s\n", gnu_get_libc_version());
    (void)printf("compiler  %s\n", COMPILER);
    (void)printf("build     %s\n", hardening());
    struct tls_hooks hooks = tls_hooks_test();
    (void)printf("levers    intern_certificates %s, handover %s\n",
                 hooks.intern ? "in effect" : "without effect",
                 hooks.derive ? "in effect" : "without effect");
    return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
