/* SPDX-License-Identifier: MIT */
#include "forward/header_edit.h"

#include "config/config_header.h"
#include "core/snapshot.h"

/* ---- at load ------------------------------------------------------------------------------ */

struct checked { /* one place */
    const struct snapshot *snapshot;
    const struct config_access *access;
    struct error_list *errors;
};

static void check_name(const struct checked *place, const struct config_value *name)
{
    struct str text = str_of(name->text);
    if (identity_names_contain(place->snapshot->identity_names, text))
        errors_add(place->errors, name->mark,
                   "%s tells the backend who the client is: use forward.identity or "
                   "forward.headers",
                   name->text);
    else if (place->access->forward.authorization_basic &&
             config_header_same(text, STR("Authorization")))
        errors_add(place->errors, name->mark,
                   "%s comes from forward.authorization: basic; one source only", name->text);
}

static void check_twice(const struct checked *place, const struct config_header_edit *edit,
                        size_t index)
{
    const struct config_value *name = &edit->set[index].name;
    for (size_t i = 0; i < index; i++) {
        if (config_header_same(str_of(edit->set[i].name.text), str_of(name->text)))
            errors_add(place->errors, name->mark, "%s is the same header as %s; set it once",
                       name->text, edit->set[i].name.text);
    }
}

static void check_edit(const struct checked *place, const struct config_header_edit *edit)
{
    for (size_t i = 0; i < edit->set_count; i++) {
        check_name(place, &edit->set[i].name);
        check_twice(place, edit, i);
    }
    for (size_t i = 0; i < edit->add_count; i++)
        check_name(place, &edit->add[i].name);
    for (size_t i = 0; i < edit->remove.count; i++)
        check_name(place, &edit->remove.items[i]);
}

static void check_place(const struct snapshot *snapshot, const struct config_access *access,
                        struct error_list *errors)
{
    struct checked place = {.snapshot = snapshot, .access = access, .errors = errors};
    check_edit(&place, &access->request_headers);
    check_edit(&place, &access->response_headers);
}

void header_edit_check(const struct snapshot *snapshot, struct error_list *errors)
{
    for (size_t i = 0; i < snapshot->config->site_count; i++) {
        const struct config_site *site = &snapshot->config->sites[i];
        size_t before = errors->errors;
        check_place(snapshot, &site->access, errors);
        /* Locations inherit: one error is enough for all of them. */
        for (size_t j = 0; j < site->location_count && errors->errors == before; j++)
            check_place(snapshot, &site->locations[j].access, errors);
    }
}

/* ---- at work ------------------------------------------------------------------------------ */

static bool has(const struct http_fields *fields, struct str name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (config_header_same(fields->items[i].name, name))
            return true;
    }
    return false;
}

static void drop(struct http_fields *fields, struct str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++) {
        if (!config_header_same(fields->items[i].name, name))
            fields->items[kept++] = fields->items[i];
    }
    fields->count = kept;
}

static void add_template(const struct config_header *header, const struct identity_facts *facts,
                         struct arena *arena, struct http_fields *fields)
{
    struct str value = identity_template(facts, str_of(header->template.text), arena);
    if (value.len > 0)
        http_fields_add(fields, arena, str_of(header->name.text), value);
}

void header_edit_request(const struct config_header_edit *edit, const struct identity_facts *facts,
                         struct arena *arena, struct http_fields *fields)
{
    for (size_t i = 0; i < edit->remove.count; i++)
        drop(fields, str_of(edit->remove.items[i].text));
    for (size_t i = 0; i < edit->set_count; i++)
        drop(fields, str_of(edit->set[i].name.text));
    for (size_t i = 0; i < edit->set_count; i++)
        add_template(&edit->set[i], facts, arena, fields);
    for (size_t i = 0; i < edit->add_count; i++)
        add_template(&edit->add[i], facts, arena, fields);
}

/* RFC 6797 section 7.2: never over plain http. */
static bool may_send(const struct config_header *header, bool is_tls)
{
    return is_tls ||
           !config_header_same(str_of(header->name.text), STR("Strict-Transport-Security"));
}

static void add_text(const struct config_header *header, bool is_tls, struct arena *arena,
                     struct http_fields *fields)
{
    if (may_send(header, is_tls))
        http_fields_add(fields, arena, str_of(header->name.text), str_of(header->template.text));
}

void header_edit_response(const struct config_header_edit *edit, bool is_own_page, bool is_tls,
                          struct arena *arena, struct http_fields *fields)
{
    for (size_t i = 0; i < edit->remove.count && !is_own_page; i++)
        drop(fields, str_of(edit->remove.items[i].text));
    for (size_t i = 0; i < edit->set_count; i++) {
        if (!is_own_page)
            drop(fields, str_of(edit->set[i].name.text));
        else if (has(fields, str_of(edit->set[i].name.text)))
            continue;
        add_text(&edit->set[i], is_tls, arena, fields);
    }
    for (size_t i = 0; i < edit->add_count; i++)
        add_text(&edit->add[i], is_tls, arena, fields);
}
