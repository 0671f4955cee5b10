/* SPDX-License-Identifier: MIT */
#include "clients/client_tunnel.h"

#include "base/log.h"
#include "clients/client.h"
#include "clients/linger.h"

struct stream *client_tunnel_start(struct exchange *x, struct str head, tunnel_run_cb run,
                                   bool *ret_has_ended)
{
    struct client *client = x->client;
    client->tunnel_run = run;
    *ret_has_ended = client->saw_eof;
    stream_put(&client->stream, head);
    client_set_state(client, CLIENT_TUNNEL);
    return &client->stream;
}

void client_tunnel_extend(struct exchange *x, uint64_t ms)
{
    struct client *client = x->client;
    deadline_set(&client->deadline, ms);
}

void client_tunnel_end(struct exchange *x, enum tunnel_end how)
{
    struct client *client = x->client;
    exchange_finish(x, how == TUNNEL_BROKEN);
    switch (how) {
    case TUNNEL_BOTH_ENDED:
        client->saw_eof = true;
        linger_begin(client);
        break;
    case TUNNEL_END: /* whatever the client still sends, it can read what it was sent last */
        linger_begin(client);
        break;
    case TUNNEL_CUT_OFF:
        client_cut_off(client);
        break;
    case TUNNEL_BROKEN:
        client_break(client);
        break;
    }
}

void client_tunnel_timeout(struct client *client)
{
    struct exchange *x = client->exchange;
    char peer[ADDR_TEXT_SIZE];
    if (log_wants(LOG_LEVEL_INFO))
        log_info("tunnel.idle", "id=%s client=%s", x->id,
                 addr_format(&client->connection.peer, peer));
    client_tunnel_end(x, TUNNEL_END);
}
