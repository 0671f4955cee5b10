/* SPDX-License-Identifier: MIT */
#include "explain/error_page.h"

#include "access/route.h"
#include "base/clock.h"
#include "core/connection.h"
#include "core/exchange_state.h"
#include "core/snapshot.h"
#include "explain/error_page_files.h"
#include "explain/error_page_text.h"
#include "explain/exchange_chain.h"
#include "explain/fix.h"
#include "explain/fix_facts.h"
#include "explain/grpc_answer.h"
#include "http/http1_write.h"
#include "tls/tls_transport.h"

/* What follows is served before a site was found, too: by the rules of the site that the
 * connection is for. */
static const struct snapshot_site *site_of(const struct exchange *x)
{
    if (x->site != NULL)
        return x->site;
    if (x->connection->tls_site != NULL)
        return x->connection->tls_site;
    return route_site(x->connection->listener->binding, (struct str){NULL, 0});
}

static const struct config_errors *settings_of(const struct exchange *x)
{
    const struct snapshot_access *place = x->place != NULL ? x->place : &site_of(x)->places[0];
    return &place->config->errors;
}

/* ---- the details -------------------------------------------------------------------------- */

static void add_row(struct error_page_facts *facts, const char *name, struct str value)
{
    if (value.len > 0 && facts->row_count < ERROR_PAGE_ROWS_MAX)
        facts->rows[facts->row_count++] = (struct error_page_row){name, value};
}

static struct str certificate_name(struct exchange *x, const struct cert *cert,
                                   void (*name)(const struct cert *, struct text *))
{
    struct text text = {0};
    name(cert, &text);
    struct str copy = arena_copy(&x->arena, text_str(&text));
    text_clear(&text);
    return copy;
}

static void add_certificate(struct error_page_facts *facts, struct exchange *x,
                            const struct verdict *verdict)
{
    const struct cert *cert = exchange_judged_certificate(x);
    if (cert == NULL)
        return;
    bool is_issuer = verdict != NULL && verdict->fault > 0 && verdict->fault < verdict->path_len;
    add_row(facts, "Certificate", certificate_name(x, cert, cert_subject));
    add_row(facts, "Issuer", certificate_name(x, cert, cert_issuer));
    add_row(facts, "Serial number", certificate_name(x, cert, cert_serial));
    struct text hex = {0};
    text_add_hex(&hex, cert->sha256, sizeof cert->sha256);
    add_row(facts, "SHA-256", arena_copy(&x->arena, text_str(&hex)));
    text_clear(&hex);
    if (x->failed != OUTCOME_OK)
        add_row(facts, "Not accepted", str_of(outcome_info(x->failed)->reason));
    if (is_issuer)
        add_row(facts, "At fault",
                certificate_name(x, verdict->path[verdict->fault].cert, cert_subject));
}

struct stage { /* where in the life of a request it was refused, in IIS's terms */
    const char *module;
    const char *notification;
};

static struct stage stage_of(enum outcome outcome)
{
    if (outcome >= OUTCOME_SSL_REQUIRED && outcome <= OUTCOME_CRITICAL_EXTENSION)
        return (struct stage){"Access checks", "BeginRequest"};
    if (outcome >= OUTCOME_MAPPING_DENIED && outcome <= OUTCOME_NO_USER)
        return (struct stage){"Certificate mapping", "AuthenticateRequest"};
    if (outcome >= OUTCOME_UPSTREAM_CONNECT && outcome <= OUTCOME_UPSTREAM_TIMEOUT)
        return (struct stage){"Forwarding", "ExecuteRequestHandler"};
    return (struct stage){"Protocol", "BeginRequest"};
}

static struct str requested_url(struct exchange *x)
{
    struct str target = x->request.target;
    if (target.len > 2048)
        target.len = 2048;
    if (x->uri.form != URI_ORIGIN || x->request.host.len == 0)
        return target;
    return arena_printf(&x->arena, "%s://%.*s%.*s",
                        connection_is_tls(x->connection) ? "https" : "http",
                        STR_ARG(x->request.host), STR_ARG(target));
}

static void add_connection_rows(struct error_page_facts *facts, struct exchange *x)
{
    char peer[ADDR_TEXT_SIZE];
    const struct transport *transport = x->connection->transport;
    add_row(facts, "Client",
            arena_copy(&x->arena, str_of(addr_format(&x->connection->peer, peer))));
    if (connection_is_tls(x->connection))
        add_row(facts, "Encryption",
                arena_printf(&x->arena, "%s, %s", tls_transport_version(transport),
                             tls_transport_cipher(transport)));
    else
        add_row(facts, "Encryption", STR("none (plain http)"));
}

static void add_details(struct error_page_facts *facts, struct exchange *x,
                        const struct verdict *verdict)
{
    const struct outcome_info *info = outcome_info(facts->outcome);
    struct stage stage = stage_of(facts->outcome);
    bool is_early = stage.notification[0] == 'B';
    add_row(facts, "Request", facts->id);
    add_row(facts, "Module", str_of(stage.module));
    add_row(facts, "Notification", str_of(stage.notification));
    if (x->backend != NULL)
        add_row(facts, "Handler", arena_printf(&x->arena, "upstream %s", x->backend->name));
    add_row(facts, "Error code",
            arena_printf(&x->arena, "0x%08x", error_page_hresult(info->win32)));
    add_row(facts, "Reason", str_of(info->reason));
    add_row(facts, "Requested URL", requested_url(x));
    if (x->site != NULL)
        add_row(facts, "Site", str_of(x->site->config->name));
    add_row(facts, "Logon method",
            is_early          ? STR("Not yet determined")
            : x->user == NULL ? STR("Anonymous")
                              : STR("Client certificate mapping"));
    add_row(facts, "Logon user",
            is_early          ? STR("Not yet determined")
            : x->user == NULL ? STR("Anonymous")
                              : str_of(x->user));
    add_connection_rows(facts, x);
    add_certificate(facts, x, verdict);
}

/* ---- the page ----------------------------------------------------------------------------- */

struct page {
    struct str body;
    const char *media_type;
    bool is_negotiated;
};

static struct page render(struct exchange *x, const struct error_page_facts *facts)
{
    enum error_page_type type = error_page_accept(&x->request.fields);
    unsigned status = outcome_info(facts->outcome)->status;
    bool is_line = type == ERROR_PAGE_TEXT || (type == ERROR_PAGE_HTML && !facts->is_detailed &&
                                               !error_page_has_generic(status));
    struct page page = {.is_negotiated = true};
    struct text text = {0};
    if (type == ERROR_PAGE_JSON) {
        error_page_add_json(facts, &text);
        page.media_type = "application/problem+json";
    } else if (is_line) {
        error_page_add_text(facts, &text);
        page.media_type = "text/plain; charset=utf-8";
    } else {
        error_page_add_html(facts, &text);
        page.media_type = "text/html; charset=utf-8";
    }
    page.body = arena_copy(&x->arena, text_str(&text));
    text_clear(&text);
    return page;
}

static struct page detailed_page(struct exchange *x, enum outcome outcome)
{
    struct error_page_facts facts = {
        .outcome = outcome, .id = str_of(x->id), .detail = x->detail, .is_detailed = true};
    bool is_judged = outcome_is_verdict(x->failed != OUTCOME_OK ? x->failed : outcome);
    const struct verdict *verdict = is_judged ? exchange_identity(x)->verdict : NULL;
    struct fix_list fixes = {0};
    if (x->site != NULL) {
        const struct fix_facts fix_facts = fix_facts_of(x, outcome);
        fix_make(&fix_facts, &fixes);
    }
    const char **texts = arena_calloc(&x->arena, fixes.count, sizeof *texts);
    for (size_t i = 0; i < fixes.count; i++)
        texts[i] = fixes.items[i].text;
    facts.fixes = texts;
    facts.fix_count = fixes.count;
    struct chain_boxes *chain = arena_alloc(&x->arena, sizeof *chain);
    if (exchange_chain_boxes(x, outcome, chain))
        facts.chain = chain;
    add_details(&facts, x, verdict);
    struct page page = render(x, &facts);
    fix_clear(&fixes);
    return page;
}

/* The file with the request's id filled in. */
static struct str fill_in(struct exchange *x, struct str bytes)
{
    struct str mark = STR(ERROR_PAGE_ID);
    struct text text = {0};
    const char *at;
    if (memmem(bytes.ptr, bytes.len, mark.ptr, mark.len) == NULL)
        return bytes;
    while ((at = memmem(bytes.ptr, bytes.len, mark.ptr, mark.len)) != NULL) {
        size_t before = (size_t)(at - bytes.ptr);
        text_add(&text, str_make(bytes.ptr, before));
        text_add_cstr(&text, x->id);
        bytes = str_skip(bytes, before + mark.len);
    }
    text_add(&text, bytes);
    struct str filled = arena_copy(&x->arena, text_str(&text));
    text_clear(&text);
    return filled;
}

static struct page custom_page(struct exchange *x, const struct config_errors *settings,
                               enum outcome outcome)
{
    const struct outcome_info *info = outcome_info(outcome);
    const struct error_page_file *file = error_page_files_find(
        x->engine->snapshot->error_pages, settings, info->status, info->substatus);
    if (file != NULL)
        return (struct page){.body = fill_in(x, file->bytes), .media_type = file->media_type};
    struct error_page_facts facts = {.outcome = outcome, .id = str_of(x->id), .detail = x->detail};
    return render(x, &facts);
}

static bool is_detailed(const struct exchange *x, const struct config_errors *settings)
{
    switch (settings->mode) {
    case ERRORS_DETAILED_LOCAL_ONLY:
        return connection_is_local(x->connection);
    case ERRORS_CUSTOM:
        return false;
    case ERRORS_DETAILED:
        return true;
    }
    return false;
}

static void add_caching(struct exchange *x, unsigned status, bool is_private)
{
    struct http_fields *fields = &x->response.fields;
    if (is_private)
        http_fields_add(fields, &x->arena, STR("Cache-Control"), STR("private"));
    else if (status != 401 && status != 403) /* no cache keeps these two unasked */
        http_fields_add(fields, &x->arena, STR("Cache-Control"), STR("no-store"));
}

/* In one line: what happened, and with tells_why the reason and what would help. */
static struct str grpc_message(struct exchange *x, enum outcome outcome, bool tells_why)
{
    const struct outcome_info *info = outcome_info(outcome);
    struct text text = {0};
    if (!tells_why) {
        text_addf(&text, "%s (request %s)", http_status_text(info->status), x->id);
    } else {
        struct fix_list fixes = {0};
        text_addf(&text, "%u.%u %s: %s", info->status, info->substatus, info->reason,
                  x->detail != NULL ? x->detail : info->message);
        if (x->site != NULL) {
            const struct fix_facts fix_facts = fix_facts_of(x, outcome);
            fix_make(&fix_facts, &fixes);
        }
        for (size_t i = 0; i < fixes.count; i++)
            text_addf(&text, "%s%s", i == 0 ? " Fix: " : "; ", fixes.items[i].text);
        fix_clear(&fixes);
    }
    struct str message = arena_copy(&x->arena, text_str(&text));
    text_clear(&text);
    return message;
}

static void add_date(struct exchange *x)
{
    char date[CLOCK_TEXT_SIZE];
    http_fields_add(&x->response.fields, &x->arena, STR("Date"),
                    arena_copy(&x->arena, clock_format_http(clock_wall_s(), date)));
}

/* The head is all of it: gRPC calls that Trailers-Only. */
static void make_grpc(struct exchange *x, enum outcome outcome, bool tells_why)
{
    x->response = (struct http_response){
        .status = outcome_info(outcome)->status, .minor = 1, .keep_alive = true};
    add_date(x);
    http_fields_add(&x->response.fields, &x->arena, STR("Content-Type"), STR("application/grpc"));
    grpc_answer_add(x, outcome, grpc_message(x, outcome, tells_why), &x->response.fields);
}

struct str error_page_make(struct exchange *x, enum outcome outcome)
{
    const struct config_errors *settings = settings_of(x);
    unsigned status = outcome_info(outcome)->status;
    bool tells_why = is_detailed(x, settings);
    if (grpc_answer_is_due(x)) {
        make_grpc(x, outcome, tells_why);
        return (struct str){NULL, 0};
    }
    struct page page = tells_why ? detailed_page(x, outcome) : custom_page(x, settings, outcome);
    bool has_body = x->request.method_id != HTTP_HEAD || x->request.method.len == 0;
    x->response = (struct http_response){
        .status = status,
        .minor = 1,
        .body = {.kind = has_body ? HTTP_BODY_LENGTH : HTTP_BODY_NONE, .length = page.body.len},
        .keep_alive = true,
    };
    struct http_fields *fields = &x->response.fields;
    add_date(x);
    http_fields_add(fields, &x->arena, STR("Content-Type"), str_of(page.media_type));
    http_fields_add(fields, &x->arena, STR("X-Content-Type-Options"), STR("nosniff"));
    if (page.is_negotiated)
        http_fields_add(fields, &x->arena, STR("Vary"), STR("Accept"));
    /* What a client sent is shown in it, escaped; this is the second line of defence. */
    if (tells_why)
        http_fields_add(fields, &x->arena, STR("Content-Security-Policy"),
                        STR("default-src 'none'; style-src 'unsafe-inline'"));
    /* RFC 9110 section 15.5.6 and 10.2.1 */
    if (status == 405)
        http_fields_add(fields, &x->arena, STR("Allow"),
                        STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    add_caching(x, status, tells_why);
    if (!has_body)
        http_fields_add(fields, &x->arena, STR("Content-Length"),
                        arena_printf(&x->arena, "%zu", page.body.len));
    return page.body;
}
