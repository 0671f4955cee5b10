/* SPDX-License-Identifier: MIT */
#include "explain/chain_drawing.h"

#include <inttypes.h>
#include <string.h>

#include "auth/client_cert.h"
#include "base/clock.h"
#include "explain/html_text.h"

#define DAY_S INT64_C(86400)

const char CHAIN_DRAWING_STYLE[] =
    ".chain{--ok:#1a7f4b;--bad:#b3261e;--badbg:#fdf0ef;--edge:#cfd6de;--box:#fff;--soft:#f3f5f8;"
    "--dim:#5b6673;list-style:none;margin:.75rem 0 0;padding:0}"
    ".chain li{margin:0}"
    ".cert{position:relative;border:1px solid var(--edge);border-radius:8px;background:var(--box);"
    "padding:.85rem 1rem .9rem;break-inside:avoid}"
    ".cert.bad{border-color:var(--bad);box-shadow:inset 4px 0 0 var(--bad);padding-left:1.2rem}"
    ".cert.anchor{border-color:var(--ok);box-shadow:inset 4px 0 0 var(--ok);padding-left:1.2rem}"
    ".cert.gone{border:2px dashed var(--bad);background:none;box-shadow:none;padding-left:1rem}"
    ".cert.aside{background:var(--soft)}"
    ".cert .top{display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:center;"
    "justify-content:space-between;font-size:.75rem;color:var(--dim)}"
    ".cert .role{font-weight:650;letter-spacing:.04em;text-transform:uppercase}"
    ".cert .store{border:1px solid var(--edge);border-radius:99px;padding:.05rem .6rem;"
    "white-space:nowrap}"
    ".cert.anchor .store{border-color:var(--ok);color:var(--ok)}"
    ".cert .name{margin:.2rem 0 0;font-size:1.06rem;font-weight:650;overflow-wrap:anywhere}"
    ".cert .dn{margin:.05rem 0 0;color:var(--dim);font-size:.84rem;overflow-wrap:anywhere}"
    ".cert .life{margin:.65rem 0 0;font-size:.8rem;color:var(--dim)}"
    ".cert .life .ends{display:flex;justify-content:space-between;gap:.5rem}"
    ".cert .life .ends span{white-space:nowrap}.cert .life .ends .now{white-space:normal;"
    "text-align:center}"
    ".cert .life.bad .now{color:var(--bad);font-weight:650}"
    ".cert .bar{position:relative;height:6px;border-radius:3px;background:var(--edge);"
    "margin:.3rem 0 .25rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".cert .bar i{position:absolute;inset:0 auto 0 0;border-radius:3px;background:var(--ok)}"
    ".cert .bar b{position:absolute;top:-4px;width:2px;height:14px;margin-left:-1px;"
    "background:currentColor}"
    ".cert .life.bad .bar i{background:var(--bad)}"
    ".cert dl{display:flex;flex-wrap:wrap;gap:.15rem 1.4rem;margin:.6rem 0 0;font-size:.8rem}"
    ".cert dl div{display:flex;gap:.4rem;min-width:0}"
    ".cert dt{color:var(--dim);flex:none}.cert dd{margin:0;overflow-wrap:anywhere;min-width:0}"
    ".cert dd.hex{font-family:ui-monospace,SFMono-Regular,Consolas,\"Liberation Mono\",monospace;"
    "font-size:.74rem;line-height:1.7}"
    ".cert .wrong{margin:.7rem 0 0;padding:.45rem .7rem;border-radius:6px;background:var(--badbg);"
    "font-size:.86rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".cert .wrong:first-child{margin-top:0}"
    ".cert .wrong svg{vertical-align:-2px;margin-right:.45rem}"
    ".cert .wrong code{color:var(--bad);font-weight:650;margin-right:.5rem}"
    ".chain .to{display:flex;align-items:center;gap:.55rem;padding:.1rem 0 .1rem 1.4rem;"
    "color:var(--dim);font-size:.78rem}"
    ".chain .to svg{flex:none}.chain .to.broken{color:var(--bad)}"
    ".chain .also{margin:1.4rem 0 .5rem;font-size:.86rem;color:var(--dim)}"
    "@media(prefers-color-scheme:dark){.chain{--ok:#5fcf93;--bad:#f2857d;--badbg:#3b1f1e;"
    "--edge:#3a434d;--box:#20262d;--soft:#1a1f25;--dim:#9aa6b2}}"
    "@media print{.chain{--ok:#1a7f4b;--bad:#b3261e;--badbg:#fdf0ef;--edge:#bbb;--box:#fff;"
    "--soft:#fff;--dim:#444}}";

static const char CROSS[] =
    "<svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><circle cx=\"7\" "
    "cy=\"7\" r=\"7\" fill=\"var(--bad)\"/><path d=\"M4.5 4.5l5 5m0-5l-5 5\" "
    "stroke=\"var(--badbg)\" stroke-width=\"1.6\" stroke-linecap=\"round\"/></svg>";

/* ---- validity ----------------------------------------------------------------------------- */

static struct str date_of(int64_t seconds, char text[CLOCK_TEXT_SIZE])
{
    struct str date = clock_format_rfc3339(seconds, text);
    return date.len < 10 ? date : str_make(date.ptr, 10);
}

static void add_days(struct text *out, int64_t seconds)
{
    int64_t days = seconds / DAY_S;
    if (days == 1)
        text_add_cstr(out, "1 day");
    else if (days > 0)
        text_addf(out, "%" PRId64 " days", days);
    else
        text_addf(out, "%" PRId64 " h", seconds / 3600);
}

/* How much of its life is over. */
static int percent_of(const struct cert *cert, int64_t now)
{
    if (now <= cert->not_before)
        return 0;
    if (now >= cert->not_after || cert->not_after <= cert->not_before)
        return 100;
    double life = (double)cert->not_after - (double)cert->not_before;
    return (int)(((double)now - (double)cert->not_before) / life * 100);
}

/* Unreadable times are at the ends of the range. */
static bool is_readable(const struct cert *cert)
{
    return cert->not_before > -DAY_S * 365 * 3000 && cert->not_before < DAY_S * 365 * 8000 &&
           cert->not_after > -DAY_S * 365 * 3000 && cert->not_after < DAY_S * 365 * 8100;
}

static void add_life(struct text *out, const struct cert *cert, int64_t now)
{
    char text[CLOCK_TEXT_SIZE];
    bool is_early = now < cert->not_before;
    bool is_late = now > cert->not_after;
    int percent = percent_of(cert, now);
    if (!is_readable(cert)) {
        text_add_cstr(out, "<div class=\"life bad\"><span class=\"now\">the validity cannot be "
                           "read</span></div>\n");
        return;
    }
    text_addf(out,
              "<div class=\"life%s\"><div class=\"bar\"><i style=\"width:%d%%\"></i>"
              "<b style=\"left:%d%%\"></b></div><div class=\"ends\">",
              is_early || is_late ? " bad" : "", percent, percent);
    text_addf(out, "<span>%.*s</span><span class=\"now\">",
              STR_ARG(date_of(cert->not_before, text)));
    if (is_early) {
        text_add_cstr(out, "valid in ");
        add_days(out, cert->not_before - now);
    } else if (is_late) {
        text_add_cstr(out, "expired ");
        add_days(out, now - cert->not_after);
        text_add_cstr(out, " ago");
    } else {
        text_add_cstr(out, "valid for ");
        add_days(out, cert->not_after - now);
    }
    text_addf(out, "</span><span>%.*s</span></div></div>\n",
              STR_ARG(date_of(cert->not_after, text)));
}

/* ---- a box -------------------------------------------------------------------------------- */

static void add_fact(struct text *out, const char *name, struct str value, bool is_hex)
{
    text_addf(out, "<div><dt>%s</dt><dd%s>", name, is_hex ? " class=\"hex\"" : "");
    html_text_add(out, value);
    text_add_cstr(out, "</dd></div>");
}

static void add_wrong(struct text *out, const char *reason, const char *sentence)
{
    text_addf(out, "<p class=\"wrong\">%s<code>%s</code><span>", CROSS, reason);
    html_text_add(out, str_of(sentence));
    text_add_cstr(out, "</span></p>\n");
}

static void add_errors(struct text *out, uint32_t errors)
{
    for (int outcome = OUTCOME_EXPLICIT_DISTRUST; outcome <= OUTCOME_CRITICAL_EXTENSION;
         outcome++) {
        const struct outcome_info *info = outcome_info((enum outcome)outcome);
        if ((errors & VERDICT_ERROR_BIT(outcome)) != 0)
            add_wrong(out, info->reason, info->message);
    }
}

static const char *role_of(const struct chain_box *box, size_t index)
{
    if (box->is_aside)
        return "Certificate";
    if (index == 0)
        return "Client certificate";
    return box->is_self_issued ? "Root authority" : "Intermediate authority";
}

static void add_subject(struct text *out, const struct chain_box *box)
{
    if (str_equal(box->name, box->subject))
        return;
    text_add_cstr(out, "<p class=\"dn\">");
    html_text_add(out, box->subject);
    text_add_cstr(out, "</p>\n");
}

static void add_certificate(struct text *out, const struct chain_box *box, size_t index,
                            int64_t now)
{
    struct text sha256 = {0};
    text_addf(out, "<div class=\"cert%s%s%s\">\n<div class=\"top\"><span class=\"role\">%s</span>",
              box->errors != 0 ? " bad" : "", box->is_anchor && box->errors == 0 ? " anchor" : "",
              box->is_aside ? " aside" : "", role_of(box, index));
    text_addf(out, "<span class=\"store\">%s%s</span></div>\n<p class=\"name\">",
              chain_boxes_store_words(box->store), box->is_anchor ? ", trusted here" : "");
    html_text_add(out, box->name);
    text_add_cstr(out, "</p>\n");
    add_subject(out, box);
    if (box->cert != NULL)
        add_life(out, box->cert, now);
    text_add_cstr(out, "<dl>");
    add_fact(out, "Usage", box->usage, false);
    add_fact(out, "Serial", box->serial, true);
    if (box->cert != NULL) {
        text_add_hex(&sha256, box->cert->sha256, sizeof box->cert->sha256);
        add_fact(out, "SHA-256", text_str(&sha256), true);
    }
    text_add_cstr(out, "</dl>\n");
    add_errors(out, box->errors);
    text_add_cstr(out, "</div>\n");
    text_clear(&sha256);
}

static void add_missing(struct text *out, const struct chain_box *box, size_t index,
                        uint32_t errors)
{
    text_addf(out,
              "<div class=\"cert gone\">\n<div class=\"top\"><span class=\"role\">%s</span></div>\n"
              "<p class=\"name\">",
              index == 0 ? "Client certificate" : "Missing issuer");
    if (index == 0)
        text_add_cstr(out, "None was presented");
    else
        html_text_add(out, box->name);
    text_add_cstr(out, "</p>\n");
    if (index > 0)
        add_subject(out, box);
    text_addf(out, "<p class=\"dn\">%s</p>\n",
              index == 0 ? "The client was asked for a certificate and sent none."
                         : "The client did not send it, and no store of this site holds it.");
    add_errors(out, errors);
    text_add_cstr(out, "</div>\n");
}

static void add_arrow(struct text *out, bool is_broken)
{
    text_addf(out,
              "<div class=\"to%s\"><svg width=\"12\" height=\"34\" viewBox=\"0 0 12 34\" "
              "aria-hidden=\"true\"><path d=\"M6 0v29M1.5 25L6 31l4.5-6\" fill=\"none\" "
              "stroke=\"currentColor\" stroke-width=\"1.6\" stroke-linecap=\"round\" "
              "stroke-linejoin=\"round\"%s/></svg><span>issued by</span></div>\n",
              is_broken ? " broken" : "", is_broken ? " stroke-dasharray=\"4 3\"" : "");
}

void chain_drawing_add(const struct chain_boxes *boxes, struct text *out)
{
    bool is_aside = false;
    uint32_t whole = boxes->whole;
    text_add_cstr(out, "<ol class=\"chain\">\n");
    for (size_t i = 0; i < boxes->count; i++) {
        const struct chain_box *box = &boxes->items[i];
        text_add_cstr(out, "<li>");
        if (box->is_aside && !is_aside)
            text_add_cstr(out,
                          "<p class=\"also\">Also presented, and not part of the chain:</p>\n");
        else if (i > 0 && !box->is_aside)
            add_arrow(out, box->store == NULL);
        else if (i > 0)
            text_add_cstr(out, "<p class=\"also\"></p>");
        is_aside = box->is_aside;
        if (box->store == NULL) {
            add_missing(out, box, i, whole);
            whole = 0;
        } else {
            add_certificate(out, box, i, boxes->now);
        }
        text_add_cstr(out, "</li>\n");
    }
    if (whole != 0) {
        text_add_cstr(out, "<li><p class=\"also\">Of the chain as a whole:</p><div class=\"cert "
                           "bad\">");
        add_errors(out, whole);
        text_add_cstr(out, "</div></li>\n");
    }
    text_add_cstr(out, "</ol>\n");
}
