/* ka.c - a ka session found by name -> what its server sends, in the sink, passed on to the next node meanwhile. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/asked.h"
#include "methods/outside/outside.h"

#include "base/clock.h"
#include "base/log.h"
#include "relay/ka/client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#define SESSION   "getstage2" /* of the seeds */
#define TRIES     5           /* of the seeds; retries: changes it */
#define PAUSE_MS  5000        /* between the beginnings of two tries, where one ends at once */
#define SEARCH_S  11          /* what a search for a server takes */
#define TICK_MS   100
#define MAX_ASKED 8 /* servers that are asked besides the broadcast */

struct ka {
	struct fetch *f;
	struct loop loop;
	struct loop_timer tick;
	struct ka_client client;
	struct in_addr asked[MAX_ASKED];
	size_t asked_count;
	enum ka_client_state shown; /* the last one that a person was told of */
	int64_t shown_bytes;
	bool begun; /* the sink has been begun */
	struct failure failure;
};

/* ---- whom to ask besides everybody: server: and DHCP's next-server */

static void add_asked(struct ka *k, struct in_addr ip)
{
	for (size_t i = 0; i < k->asked_count; i++)
		if (k->asked[i].s_addr == ip.s_addr)
			return;
	if (ip.s_addr && k->asked_count < MAX_ASKED)
		k->asked[k->asked_count++] = ip;
}

/* 0, or -errno with the failure filled where server: stands for nothing. */
static int find_servers(struct ka *k)
{
	struct peer_address *list;
	size_t count;
	int err;

	if (k->f->net)
		add_asked(k, k->f->net->next_server);
	err = asked_find(k->f, &list, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (list[i].u.sa.sa_family == AF_INET)
			add_asked(k, list[i].u.in.sin_addr);
	free(list);
	return 0;
}

/* ---- what the client says */

static void on_line(struct ka_client *c, const char *text)
{
	(void)c;
	log_info("ka: %s", text);
}

static void on_ended(struct ka_client *c, int err, const struct failure *f)
{
	struct ka *k = c->owner;

	if (f)
		k->failure = *f;
	loop_stop(&k->loop, err);
}

static const struct ka_client_calls calls = { .line = on_line, .ended = on_ended };

/* A person sees how far it is. */
static void show(struct ka *k)
{
	const struct ka_client *c = &k->client;

	if (ka_client_has_stream(c->state) && c->store.end != k->shown_bytes) {
		k->shown_bytes = c->store.end;
		watch_progress(k->f->watch, c->store.end, c->total_known ? c->total.size : -1);
	}
	if (c->state == k->shown)
		return;
	k->shown = c->state;
	if (c->state == KA_WAITING)
		watch_note(k->f->watch, "KA server %s has the session; it waits for the other nodes",
			   inet_ntoa(c->server));
	else if (c->state == KA_STAYING)
		watch_note(k->f->watch, "everything is here; the next node may still need this one");
}

static void on_tick(struct loop_timer *t)
{
	struct ka *k = container_of(t, struct ka, tick);

	loop_at(&k->loop, t, now_ms() + TICK_MS);
	k->begun = k->begun || k->client.sink_begun;
	show(k);
	if (watch_cancelled(k->f->watch)) {
		fail(&k->failure, FAIL_SYS_CANCELLED, -ECANCELED, "while waiting for ka");
		loop_stop(&k->loop, -ECANCELED);
	}
}

/* ---- tries */

static int run_client(struct ka *k)
{
	const char *session = k->f->options->value[KEY_SESSION];
	struct ka_client_options o = {
		.session = session ? session : SESSION,
		.hosts = k->asked,
		.host_count = k->asked_count,
		.sink = k->f->sink,
		.control_port = KA_CONTROL_PORT,
		.data_port = KA_DATA_PORT,
	};
	int err;

	k->tick = (struct loop_timer){ .fire = on_tick };
	err = ka_client_open(&k->client, &k->loop, &o, &calls, k, &k->failure);
	if (!err) {
		loop_at(&k->loop, &k->tick, now_ms());
		err = loop_run(&k->loop);
		show(k);
	}
	k->begun = k->begun || k->client.sink_begun;
	inet_ntop(AF_INET, &k->client.server, k->f->server, sizeof(k->f->server));
	loop_forget(&k->loop, &k->tick);
	ka_client_close(&k->client);
	return err;
}

static int one_try(struct ka *k)
{
	int err = 0;

	k->failure = (struct failure){ 0 };
	if (k->begun) /* throws away what came of the last try */
		err = k->f->sink->restart(k->f->sink, &k->failure);
	k->begun = false;
	if (err)
		return err;
	err = loop_open(&k->loop);
	if (err)
		return fail(&k->failure, FAIL_SYS_INTERNAL, err, "epoll: %s", err_text(err));
	err = run_client(k);
	loop_close(&k->loop);
	return err;
}

/* Worth another try: nobody answered, or who did went away. */
static bool may_pass(const struct ka *k)
{
	return fail_is_about(k->failure.id, "SRV");
}

/* Until UNTIL, or a person asks to stop. */
static void pause_until(struct ka *k, int64_t until)
{
	while (now_ms() < until && !watch_cancelled(k->f->watch))
		usleep(TICK_MS * 1000);
}

int ka_fetch(struct fetch *f)
{
	const char *what = f->options->rescue ? "rescue" : "stage2", *session = f->options->value[KEY_SESSION];
	struct ka k = { .f = f };
	int64_t tries;
	int err;

	if (options_number(f->options, KEY_RETRIES, 1, 1000000, TRIES, &tries, f->fail) < 0)
		return -EINVAL;
	if (session && strlen(session) > KA_NAME_MAX)
		return fail(f->fail, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "session:%.40s... is longer than the %d bytes of a ka session", session, KA_NAME_MAX);
	err = find_servers(&k);
	if (err)
		return err;
	for (int64_t i = 1; i <= tries; i++) {
		int64_t began = now_ms();

		watch_waiting(f->watch, began + SEARCH_S * 1000, "Waiting for %s from KA server (Try %lld/%lld)", what,
			      (long long)i, (long long)tries);
		log_info("Waiting for %s from KA server (Try %lld/%lld)", what, (long long)i, (long long)tries);
		err = one_try(&k);
		if (!err || !may_pass(&k))
			break;
		if (i < tries)
			pause_until(&k, began + PAUSE_MS);
	}
	if (err && may_pass(&k))
		return fail(f->fail, k.failure.id, err, "Can't reach a valid KA server: %s", k.failure.detail);
	if (err < 0 && f->fail)
		*f->fail = k.failure;
	return err;
}
