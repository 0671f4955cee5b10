/* Access log lines. The input is split at NUL bytes into the texts of a record; whatever they hold,
 * the line is one line and has one value a column.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz/fuzz.h"
#include "observe/access_log.h"

#define ALL_FIELDS (ACCESS_BIT(ACCESS_UPSTREAM_TIME) * 2 - 1)
#define COLUMNS    (ACCESS_UPSTREAM_TIME + 1)
/* As the writer does it: shorter and shorter, until the line fits PIPE_BUF. */
#define CUT_TEXT  200
#define CUT_LEAST 10

static void check_line(struct str line, bool crlf)
{
    size_t newline = crlf ? 2 : 1;
    FUZZ_CHECK(line.len > newline && line.ptr[line.len - 1] == '\n');
    FUZZ_CHECK(!crlf || line.ptr[line.len - 2] == '\r');
    line.len -= newline;
    size_t columns = 0;
    struct str part;
    while (str_split(&line, ' ', &part)) {
        FUZZ_CHECK(part.len > 0);
        for (size_t i = 0; i < part.len; i++)
            FUZZ_CHECK((unsigned char)part.ptr[i] > ' ' && part.ptr[i] != 0x7f);
        columns++;
    }
    FUZZ_CHECK(columns == COLUMNS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = str_make((const char *)bytes, size);
    struct str texts[17] = {0};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!str_split(&rest, '\0', &texts[i]))
            break;
    }
    struct access_record record = {
        .wall_s = (int64_t)size,
        .site = texts[0],
        .computer = texts[1],
        .server_ip = texts[2],
        .method = texts[3],
        .uri_stem = texts[4],
        .uri_query = texts[5],
        .user = texts[6],
        .client_ip = texts[7],
        .user_agent = texts[8],
        .cookie = texts[9],
        .referer = texts[10],
        .host = texts[11],
        .cert_subject = texts[12],
        .cert_issuer = texts[13],
        .cert_serial = texts[14],
        .mapping = texts[15],
        .upstream = texts[16],
        .status = 200,
        .bytes_sent = UINT64_MAX,
    };
    struct text line = {0};
    for (int crlf = 0; crlf < 2; crlf++) {
        text_reset(&line);
        access_log_line(ALL_FIELDS, crlf != 0, &record, &line);
        check_line(text_str(&line), crlf != 0);
        size_t max = CUT_TEXT;
        do {
            text_reset(&line);
            access_log_line_cut(ALL_FIELDS, crlf != 0, &record, max, &line);
            check_line(text_str(&line), crlf != 0);
            max /= 3;
        } while (line.len > 4096 && max >= CUT_LEAST);
        FUZZ_CHECK(line.len <= 4096);
    }
    text_clear(&line);
    return 0;
}
