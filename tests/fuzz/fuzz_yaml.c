/* The loader of configurations on arbitrary bytes: no crash, no leak, no long run.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "config/config_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error_list errors = {0};
    struct config *config = config_parse("folder/fuzz.yaml", (const char *)bytes, size, &errors);
    /* Either a configuration or a reason why not. */
    if ((config == NULL) != (errors.errors > 0))
        abort();
    for (size_t i = 0; i < errors.count; i++)
        free(error_format(&errors.entries[i]));
    config_free(config);
    errors_clear(&errors);
    return 0;
}
