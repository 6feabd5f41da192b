/* client_internal.h - what the files of the ka client share. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_CLIENT_INTERNAL_H
#define RELAY_KA_CLIENT_INTERNAL_H

#include "relay/ka/client.h"

/* Milliseconds. */
#define KA_CALL_TIME       3000 /* for one attempt to connect */
#define KA_CALL_EVERY      1000 /* between attempts */
#define KA_CALL_TRIES      10
#define KA_GREET_TIME      300    /* an original says nothing to a hello; one of the other layout hangs up at once */
#define KA_DATA_TIME       5000   /* for the connection to a parent */
#define KA_PARENT_SILENT   1000   /* one of ours says something every 300 */
#define KA_SERVER_SILENT   5000   /* one of ours says something every 400 */
#define KA_ORIGINAL_SILENT 120000 /* an original pings every 10 s while it waits */
#define KA_BACK_TIME       5000   /* ours: a lost server is looked for */
#define KA_STRANGER_TIME   300    /* below an original server: a silent stranger is gone by then */
#define KA_CHILD_TIME      15000  /* a child may wait for its authorisation */

void kac_say(struct ka_client *c, const char *fmt, ...) printf_like(2, 3);
/* Gives up. */
void kac_fail(struct ka_client *c, enum fail_id id, int err, const char *fmt, ...) printf_like(4, 5);

/* ---- client.c */

void kac_send(struct ka_client *c, const struct ka_up *m, const void *body);
/* Everything from the first byte on is kept here: the server may know. */
void kac_tell_keeps(struct ka_client *c);
/* The sink or a child has got further, or ended: are we finished? */
void kac_maybe_finished(struct ka_client *c);

/* ---- client_data.c */

/* The data port and the store. */
int kac_open_data(struct ka_client *c, struct failure *f) must_check;
void kac_close_data(struct ka_client *c);
/* The server is ours: CHUNK is its longest. 0 or -ENOMEM. */
int kac_begin_ours(struct ka_client *c, uint32_t chunk, int64_t window) must_check;
/* Fetches from the original way's parent, and from one of ours. */
void kac_fetch_plain(struct ka_client *c, struct in_addr dad);
void kac_fetch_ours(struct ka_client *c, struct in_addr parent, uint16_t port);
/* An original child: serves it from AT on; forgets it. */
void kac_authorise(struct ka_client *c, struct in_addr child, int64_t at);
void kac_drop_child(struct ka_client *c, struct in_addr child);
/* The end of the stream is known (ours): are we there? */
void kac_check_total(struct ka_client *c);
/* All bytes of the stream are here. */
void kac_stream_ended(struct ka_client *c);
/* Reads on, where the sink had held it up. */
void kac_more_room(struct ka_client *c);
/* Tells the server where we are. ALWAYS: even where it knows. */
void kac_report(struct ka_client *c, bool always);
void kac_data_tick(struct ka_client *c, int64_t now, bool late);
/* Children that still get plain bytes. */
unsigned kac_plain_children(const struct ka_client *c);

/* ---- client_sink.c */

void kac_sink_begin(struct ka_client *c);
/* There are new bytes, or the end. */
void kac_sink_more(struct ka_client *c);
void kac_sink_stop(struct ka_client *c);

#endif
