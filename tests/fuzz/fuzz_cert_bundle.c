/* Files of certificates: what is read is whole and owned once, what fails leaves nothing behind.
 * The password is that of the seeds.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cert_bundle.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    FUZZ_CHECK(bytes != NULL);
    memcpy(bytes, data, size);
    struct cert_bundle bundle;
    enum cert_bundle_status status = cert_bundle_read(bytes, size, "word", NULL, &bundle);
    FUZZ_CHECK(status == CERT_BUNDLE_READ || (bundle.count == 0 && bundle.key == NULL));
    FUZZ_CHECK((status == CERT_BUNDLE_FAILED) == (bundle.problem != NULL));
    FUZZ_CHECK(bundle.chain_len <= bundle.count);
    for (size_t i = 0; i < bundle.count; i++)
        FUZZ_CHECK(i2d_X509(bundle.certs[i], NULL) > 0);
    cert_bundle_clear(&bundle);
    (void)cert_bundle_describe(bytes, size);
    free(bytes);
    return 0;
}
