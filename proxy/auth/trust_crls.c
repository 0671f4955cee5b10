/* SPDX-License-Identifier: MIT */
#include "auth/trust_crls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/cert_facts.h"
#include "auth/crl_builder.h"
#include "auth/crl_index.h"
#include "auth/crl_keep.h"
#include "auth/store_load.h"
#include "auth/trust.h"
#include "base/clock.h"
#include "base/mem.h"

static const char *const crl_endings[] = {".pem", ".crl", ".der", NULL};

static int take_crls(void *context, const char *path, const char *bytes, size_t len)
{
    struct crl_builder *builder = context;
    builder->source = path;
    int found = crl_builder_add(builder, bytes, len);
    builder->source = NULL;
    return found;
}

static void too_many(const struct config_revocation *settings, struct error_list *errors)
{
    errors_add(
        errors, settings->crls.mark,
        "more than %d CRLs are gone that no certificate in the stores has signed, so nothing "
        "tells what succeeds them: a restart lets them go",
        CRL_KEEP_UNVERIFIED_MAX);
}

static void no_memory(int error, const struct config_revocation *settings,
                      struct error_list *errors)
{
    errors_add(errors, settings->crls.mark, "no memory for the CRLs: %s", strerrordesc_np(-error));
}

int trust_crls_read(const struct trust *trust, const struct config_revocation *settings,
                    struct error_list *errors)
{
    struct crl_builder builder = {0};
    const struct store_reader reader = {.endings = crl_endings,
                                        .what = "CRL",
                                        .take_file = take_crls,
                                        .context = &builder,
                                        .names_passed_over = trust->crls == NULL};
    if (settings->check)
        store_load(&settings->crls, &reader, errors);
    int fd = -1;
    crl_builder_verify(&builder, trust);
    if (trust->crls != NULL &&
        !crl_keep(&builder, trust->crls, &settings->crls, trust, clock_wall_s()))
        too_many(settings, errors);
    else if ((fd = crl_builder_finish(&builder)) < 0)
        no_memory(fd, settings, errors);
    crl_builder_clear(&builder);
    return fd < 0 ? -1 : fd;
}

/* Copies that own nothing; which keys verify them is known. */
static void borrow_all(struct crl_builder *builder, const struct crl_index *crls)
{
    for (size_t i = 0; i < crls->count; i++) {
        struct crl *crl = xmemdup(&crls->crls[i], sizeof *crl);
        crl->is_borrowed = true;
        crl_builder_take(builder, crl);
    }
}

/* Maps the block and closes it. */
static void use_block(struct trust *trust, int fd, const struct config_revocation *settings,
                      struct error_list *errors)
{
    const char *problem = NULL;
    struct crl_index *crls = crl_index_map(fd, &problem);
    (void)close(fd);
    if (crls == NULL) {
        errors_add(errors, settings->crls.mark, "the CRLs cannot be used: %s", problem);
        return;
    }
    crl_index_free(trust->crls);
    trust->crls = crls;
}

bool trust_crls_inherit(struct trust *trust, const struct config_revocation *settings,
                        const struct trust *before, struct error_list *errors)
{
    size_t errors_before = errors->errors;
    struct crl_builder builder = {0};
    borrow_all(&builder, trust->crls);
    if (!crl_keep(&builder, before->crls, &settings->crls, trust, clock_wall_s())) {
        too_many(settings, errors);
    } else if (builder.count > trust->crls->count) {
        int fd = crl_builder_finish(&builder);
        if (fd < 0)
            no_memory(fd, settings, errors);
        else
            use_block(trust, fd, settings, errors);
    }
    crl_builder_clear(&builder);
    return errors->errors == errors_before;
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
    for (size_t i = 0; i < crls->count; i++)
        ret_info->kept += crls->crls[i].kept != CRL_KEPT_NOT;
    memcpy(ret_info->digest, crls->digest, sizeof ret_info->digest);
}

const struct crl_index *trust_crls_in_use(const struct trust *trust)
{
    return trust->crls;
}

static const struct crl *find_crl(const struct crl_index *crls, const unsigned char sha256[32])
{
    for (size_t i = 0; i < crls->count; i++) {
        if (memcmp(crls->crls[i].sha256, sha256, 32) == 0)
            return &crls->crls[i];
    }
    return NULL;
}

bool trust_crls_next_kept(const struct crl_index *crls, const struct crl_index *before,
                          size_t *position, struct text *issuer, struct trust_kept_crl *ret_kept)
{
    for (; *position < crls->count; ++*position) {
        const struct crl *crl = &crls->crls[*position];
        if (crl->kept == CRL_KEPT_NOT)
            continue;
        const struct crl *known = before == NULL ? NULL : find_crl(before, crl->sha256);
        if (known != NULL && known->kept == crl->kept)
            continue;
        cert_name_text(crl->issuers[0], issuer);
        *ret_kept = (struct trust_kept_crl){.path = crl_next_source(crl, NULL),
                                            .why = crl_kept_text(crl->kept),
                                            .next_update = crl->next_update};
        ++*position;
        return true;
    }
    return false;
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

/* A listed file that holds none is an error already. */
static void warn_of_empty_folders(const struct crl_index *crls, const struct config_list *list,
                                  struct error_list *errors)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct config_list item = {.items = &list->items[i], .count = 1};
        size_t at = 0;
        while (at < crls->count && !crl_is_named(&crls->crls[at], &item))
            at++;
        if (at == crls->count)
            errors_warn(errors, list->items[i].mark,
                        "\"%s\" holds no CRL, although revocation.check is on: nobody is found "
                        "revoked by it",
                        list->items[i].text);
    }
}

void trust_load_crls(struct trust *trust, const struct config_revocation *settings,
                     struct error_list *errors)
{
    size_t errors_before = errors->errors;
    trust->check_revocation = settings->check;
    trust->missing_always = settings->missing_always;
    trust_crls_stamp(settings, trust->crl_stamp);
    int fd = trust_crls_read(trust, settings, errors);
    if (fd < 0)
        return;
    use_block(trust, fd, settings, errors);
    if (errors->errors == errors_before && settings->check)
        warn_of_empty_folders(trust->crls, &settings->crls, errors);
}

const unsigned char *trust_revocation_digest(const struct trust *trust)
{
    return trust->crls->digest;
}
