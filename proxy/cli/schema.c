/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/schema_json.h"
#include "cli/usage.h"
#include "config/config_schema.h"

static const char USAGE[] =
    "usage: mtls-proxy schema [--format json|text]\n"
    "\n"
    "Prints every key of the configuration: as a JSON schema (draft 7), with which editors "
    "complete\n"
    "and check it, or as text. For an editor that speaks to yaml-language-server:\n"
    "\n"
    "  mtls-proxy schema >mtls-proxy.schema.json\n"
    "\n"
    "and as the first line of the configuration\n"
    "\n"
    "  # yaml-language-server: $schema=mtls-proxy.schema.json\n"
    "\n"
    "  --format json|text  (default json)\n"
    "  -h, --help          this text\n"
    "\n"
    "The rules between several keys are not in it; `mtls-proxy check` knows them.\n";

static void add_key(const char *path, const struct config_key *key, void *context)
{
    struct text *out = context;
    text_addf(out, "%s\n    ", path);
    config_schema_add_type(out, key, "");
    if ((key->flags & CONFIG_REQUIRED) != 0)
        text_add_cstr(out, "; required");
    else if (key->fallback != NULL)
        text_addf(out, "; default %s", key->fallback);
    text_addf(out, "\n    %s\n", key->doc);
}

static bool print_text(void)
{
    struct text out = {0};
    config_schema_walk(add_key, &out);
    bool is_written = fputs(out.ptr, stdout) >= 0;
    text_clear(&out);
    return is_written;
}

static bool print_json(void)
{
    json_t *schema = schema_json();
    bool is_written = json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
                      fputc('\n', stdout) != EOF;
    json_decref(schema);
    return is_written;
}

int cli_schema(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool is_text = false;
    int option;
    optind = 0; /* getopt(3): start anew on another argv */
    while ((option = getopt_long(argc, argv, ":h", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(USAGE, stdout);
            return CLI_OK;
        }
        if (option != 'f')
            return usage_refuse_option("schema", option, argv);
        is_text = strcmp(optarg, "text") == 0;
        if (!is_text && strcmp(optarg, "json") != 0)
            return usage_refuse("schema", "--format is json or text, not", optarg);
    }
    if (optind < argc)
        return usage_refuse("schema", "unexpected argument", argv[optind]);
    bool is_written = is_text ? print_text() : print_json();
    return is_written && fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}
