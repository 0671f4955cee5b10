/* SPDX-License-Identifier: MIT */
#include "tls/tls_error.h"

#include <string.h>

#include <openssl/err.h>

/* "x509 lib" and the like only say where the real reason lies. */
static bool is_telling(unsigned long code)
{
    return ERR_SYSTEM_ERROR(code) || (ERR_GET_RFLAGS(code) & ERR_RFLAG_COMMON) == 0;
}

static void add_entry(struct text *out, unsigned long code)
{
    const char *reason = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code))
                                                : ERR_reason_error_string(code);
    const char *library = ERR_lib_error_string(code);
    if (reason != NULL) {
        text_add_cstr(out, reason);
    } else {
        text_addf(out, "error %lx", code);
    }
    if (library != NULL)
        text_addf(out, " (%s)", library);
}

unsigned long tls_error_take(struct text *out)
{
    unsigned long best = 0;
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        if (best == 0 || (!is_telling(best) && is_telling(code)))
            best = code;
    }
    if (best == 0) {
        text_add_cstr(out, "unknown");
        return 0;
    }
    add_entry(out, best);
    return best;
}
