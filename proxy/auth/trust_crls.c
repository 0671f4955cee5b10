/* SPDX-License-Identifier: MIT */
#include "auth/trust_crls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/crl_builder.h"
#include "auth/crl_index.h"
#include "auth/store_load.h"
#include "auth/trust.h"

static const char *const crl_endings[] = {".pem", ".crl", ".der", NULL};

static int take_crls(void *context, const char *bytes, size_t len)
{
    return crl_builder_add(context, bytes, len);
}

int trust_crls_read(const struct trust *trust, const struct config_revocation *settings,
                    struct error_list *errors)
{
    size_t errors_before = errors->errors;
    struct crl_builder builder = {0};
    const struct store_reader reader = {
        .endings = crl_endings, .what = "CRL", .take_file = take_crls, .context = &builder};
    if (settings->check)
        store_load(&settings->crls, &reader, errors);
    int fd = -1;
    if (errors->errors == errors_before) {
        crl_builder_verify(&builder, trust);
        fd = crl_builder_finish(&builder);
        if (fd < 0)
            errors_add(errors, settings->crls.mark, "no memory for the CRLs: %s",
                       strerrordesc_np(-fd));
    }
    crl_builder_clear(&builder);
    return fd < 0 ? -1 : fd;
}

struct crl_index *trust_crls_map(int fd, const char **ret_problem)
{
    return crl_index_map(fd, ret_problem);
}

void trust_crls_free(struct crl_index *crls)
{
    crl_index_free(crls);
}

void trust_crls_info(const struct crl_index *crls, struct trust_crls_info *ret_info)
{
    *ret_info = (struct trust_crls_info){.crls = crls->count,
                                         .entries = crls->entry_count,
                                         .oldest_this_update = crls->oldest_this_update};
    memcpy(ret_info->digest, crls->digest, sizeof ret_info->digest);
}

void trust_crls_current(const struct trust *trust, struct trust_crls_info *ret_info)
{
    trust_crls_info(trust->crls, ret_info);
}

bool trust_crls_set(struct trust *trust, struct crl_index *crls)
{
    bool is_new = memcmp(trust->crls->digest, crls->digest, sizeof crls->digest) != 0;
    crl_index_free(trust->crls);
    trust->crls = crls;
    return is_new;
}

void trust_crls_stamp(const struct config_revocation *settings,
                      unsigned char ret_stamp[TRUST_EPOCH_SIZE])
{
    store_stamp(&settings->crls, crl_endings, ret_stamp);
}

const unsigned char *trust_crls_loaded_stamp(const struct trust *trust)
{
    return trust->crl_stamp;
}

bool trust_crls_takes_name(const char *name)
{
    return store_takes_name(name, crl_endings);
}

void trust_load_crls(struct trust *trust, const struct config_revocation *settings,
                     struct error_list *errors)
{
    trust->check_revocation = settings->check;
    trust->missing_always = settings->missing_always;
    trust_crls_stamp(settings, trust->crl_stamp);
    int fd = trust_crls_read(trust, settings, errors);
    if (fd < 0)
        return;
    const char *problem = NULL;
    trust->crls = crl_index_map(fd, &problem);
    (void)close(fd);
    if (trust->crls == NULL)
        errors_add(errors, settings->crls.mark, "the CRLs cannot be used: %s", problem);
}

const unsigned char *trust_revocation_digest(const struct trust *trust)
{
    return trust->crls->digest;
}
