/* SPDX-License-Identifier: MIT */
#include "clients/linger.h"

#include "base/clock.h"
#include "clients/client.h"
#include "core/snapshot.h"

/* Takes a turn of the loop at most. */
#define DROPS_PER_TURN 16
/* Between two reads while the engine drains: nobody waits long for the last of its connections. */
#define DRAIN_LINGER_MS 2000

static void arm(struct client *client)
{
    uint64_t idle_ms = client->engine->snapshot->config->timeouts.linger;
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t left_ms = client->linger_until_ms > now_ms ? client->linger_until_ms - now_ms : 0;
    if (client->engine->is_draining && idle_ms > DRAIN_LINGER_MS)
        idle_ms = DRAIN_LINGER_MS;
    deadline_set(&client->deadline, idle_ms < left_ms ? idle_ms : left_ms);
}

/* The session and its buffers go as soon as the last word has left. */
static void say_goodbye(struct client *client)
{
    client->is_goodbye_due = transport_shutdown(&client->stream.transport) == TRANSPORT_AGAIN;
    if (!client->is_goodbye_due)
        transport_become_plain(&client->stream.transport);
    transport_want(&client->stream.transport, true, client->is_goodbye_due);
}

void linger_begin(struct client *client)
{
    client_set_state(client, CLIENT_LINGER);
    client->linger_until_ms =
        clock_monotonic_ms() + client->engine->snapshot->config->timeouts.linger_total;
    stream_drop_input(&client->stream);
    say_goodbye(client);
    if (client->saw_eof && !client->is_goodbye_due)
        client_close(client);
    else
        arm(client);
}

bool linger_drop(struct client *client)
{
    enum transport_result result = TRANSPORT_OK;
    size_t len = 0;
    for (int i = 0; i < DROPS_PER_TURN && result == TRANSPORT_OK; i++)
        result = transport_drop(&client->stream.transport, &len);
    return result == TRANSPORT_OK || result == TRANSPORT_AGAIN;
}

void linger_run(struct client *client)
{
    if (client->is_goodbye_due)
        say_goodbye(client);
    if (linger_drop(client))
        arm(client);
    else
        client_close(client);
}

void linger_hurry(struct client *client)
{
    arm(client);
}
