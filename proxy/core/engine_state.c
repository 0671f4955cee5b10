/* SPDX-License-Identifier: MIT */
#include "core/engine_state.h"

void engine_schedule_closing(struct engine *engine)
{
    event_active(&engine->closing_event, EV_TIMEOUT, 0);
}

void engine_request_id(struct engine *engine, char ret_text[ENGINE_REQUEST_ID_SIZE])
{
    uint64_t id = engine->next_request_id++;
    for (size_t i = ENGINE_REQUEST_ID_SIZE - 1; i-- > 0; id >>= 4)
        ret_text[i] = "0123456789abcdef"[id & 15];
    ret_text[ENGINE_REQUEST_ID_SIZE - 1] = '\0';
}

struct str engine_date(struct engine *engine)
{
    int64_t now_s = clock_wall_s();
    if (engine->date_len == 0 || engine->date_s != now_s) {
        engine->date_len = clock_format_http(now_s, engine->date).len;
        engine->date_s = now_s;
    }
    return str_make(engine->date, engine->date_len);
}
