/* SPDX-License-Identifier: MIT */
#include "base/errors.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

static void add(struct error_list *list, enum error_kind kind, struct mark mark, const char *fmt,
                va_list args) PRINTF(4, 0);

static void add(struct error_list *list, enum error_kind kind, struct mark mark, const char *fmt,
                va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0)
        text = xstrdup(fmt);
    list->entries = xreallocarray(list->entries, list->count + 1, sizeof *list->entries);
    char *file = xstrdup(mark.file == NULL ? "" : mark.file);
    list->entries[list->count++] = (struct error_entry){kind, file, mark.line, mark.column, text};
    if (kind == ERROR_KIND_ERROR)
        list->errors++;
}

void errors_add(struct error_list *list, struct mark mark, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(list, ERROR_KIND_ERROR, mark, fmt, args);
    va_end(args);
}

void errors_warn(struct error_list *list, struct mark mark, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(list, ERROR_KIND_WARNING, mark, fmt, args);
    va_end(args);
}

char *error_format(const struct error_entry *entry)
{
    struct text text = {0};
    if (entry->file[0] != '\0')
        text_addf(&text, "%s:", entry->file);
    if (entry->line > 0)
        text_addf(&text, "%u:%u:", entry->line, entry->column);
    text_addf(&text, "%s%s: %s", text.len > 0 ? " " : "",
              entry->kind == ERROR_KIND_ERROR ? "error" : "warning", entry->text);
    return text_take(&text);
}

void errors_clear(struct error_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].file);
        free(list->entries[i].text);
    }
    free(list->entries);
    *list = (struct error_list){0};
}
