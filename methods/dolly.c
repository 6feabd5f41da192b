/* dolly.c - a dolly server that comes by -> the whole image in the sink, passed on to the next node meanwhile. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/asked.h"
#include "methods/outside/outside.h"

#include "base/clock.h"
#include "image/image.h"
#include "relay/dolly/up.h"
#include "relay/relay.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES     3    /* of the seeds; retries: changes it */
#define TIMEOUT_S 300  /* of one try, where dolly_timeout: is silent */
#define LINGER_MS 2000 /* a node that has everything stays for its children, and so long for new ones */
#define TICK_MS   100

struct dolly {
	struct fetch *f;
	struct loop loop;
	struct loop_timer tick, pump;
	struct node node;
	struct dolly_up up;
	bool node_open, up_open;
	char name[WIRE_NAME + 1];
	struct peer_address *asked; /* of server: */
	size_t asked_count;
	int64_t deadline;     /* of the wait for a server, of now_ms() */
	bool begun;           /* the sink has been begun */
	struct rstore *store; /* of the node or of what an original server sends */
	int64_t there, fed;   /* bytes in the store, without a hole; bytes the sink has */
	bool whole;           /* no more will come */
	bool looked, wait;    /* at the first bytes; the sink takes all at the end, as it lies in the store */
	struct failure failure;
};

/* Enough to tell whether it is compressed. */
#define HEAD 18

/* Servers that no broadcast reaches. A name nobody knows is said and is no failure: a server may come all the same. */
static int find_asked(struct dolly *d)
{
	int err = asked_find(d->f, &d->asked, &d->asked_count);

	if (err && d->f->fail->id == FAIL_CMD_BAD_VALUE)
		return err;
	if (err)
		watch_note(d->f->watch, "server: is not told of this node: %s", d->f->fail->detail);
	for (size_t i = 0; i < d->asked_count; i++)
		peer_set_port(&d->asked[i], WIRE_PORT);
	return 0;
}

/* ---- from the store, which children are served from, into the sink; the connections get their turn meanwhile */

/* What is not compressed stays where it lies; the rest is uncompressed as it comes. */
static void look(struct dolly *d)
{
	uint8_t head[HEAD];
	int64_t claimed;
	enum image_kind kind;

	if (d->looked || d->there < HEAD || rstore_read(d->store, 0, head, sizeof(head)))
		return;
	kind = image_recognise(head, sizeof(head), &claimed);
	d->looked = true;
	d->wait = kind != IMAGE_GZIP && kind != IMAGE_XZ && kind != IMAGE_ZSTD;
}

/* All bytes are there, and the sink has none of them: it takes them over, or is given a copy after all. */
static int hand_over(struct dolly *d)
{
	int err = d->wait ? sink_take(d->f->sink, d->store->part[0].fd, d->there, &d->failure) : -EOPNOTSUPP;

	if (!err)
		d->fed = d->there;
	if (err != -EOPNOTSUPP)
		return err;
	d->looked = true;
	d->wait = false;
	return 0;
}

/* The sink has everything, or ERR and the failure say why not. */
static void sink_ended(struct dolly *d, int err)
{
	if (d->up_open)
		dolly_up_confirm(&d->up, err, &d->failure);
	else if (err < 0)
		node_give_up(&d->node, err, &d->failure);
	else
		node_confirm(&d->node, 0, NULL);
}

static void on_pump(struct loop_timer *t)
{
	struct dolly *d = container_of(t, struct dolly, pump);
	int err = 0;

	look(d);
	if (d->whole && (d->wait || !d->looked))
		err = hand_over(d);
	if (!err && d->looked && !d->wait)
		err = rstore_feed_sink(d->store, &d->fed, d->there, d->f->sink, &d->failure);
	if (!err && d->looked && !d->wait && d->fed < d->there) {
		loop_at(&d->loop, t, now_ms());
		return;
	}
	if (!err && d->whole)
		err = d->f->sink->finish(d->f->sink, &d->failure);
	if (err || d->whole)
		sink_ended(d, err);
}

/* The first THERE bytes are in the store; WHOLE: no more will come. */
static void feed_sink(struct dolly *d, int64_t there, bool whole)
{
	d->there = there;
	d->whole = whole;
	loop_at(&d->loop, &d->pump, now_ms());
}

static int begin_sink(struct dolly *d, struct rstore *store, int64_t size, struct failure *f)
{
	int err = rstore_open_memory(store, f);

	if (!err)
		err = d->begun ? d->f->sink->restart(d->f->sink, f) : 0;
	if (!err)
		err = d->f->sink->begin(d->f->sink, size, f);
	d->begun = true;
	d->store = store;
	d->there = d->fed = 0;
	d->looked = d->wait = d->whole = false;
	loop_at(&d->loop, &d->pump, 0);
	return err;
}

/* ---- a server of ours */

static void close_up(struct dolly *d)
{
	if (d->up_open)
		dolly_up_close(&d->up);
	d->up_open = false;
}

static void close_node(struct dolly *d)
{
	if (d->node_open)
		node_close(&d->node);
	d->node_open = false;
}

static int node_opens(struct node *n, const struct wire_job *job, struct rstore *store, struct failure *f)
{
	struct dolly *d = n->owner;

	close_up(d);
	watch_note(d->f->watch, "dolly server found; it sends %lld MB", (long long)(job->size / 1000000));
	return begin_sink(d, store, job->size, f);
}

static void node_stored(struct node *n, uint32_t i)
{
	struct dolly *d = n->owner;
	int64_t there = n->map.prefix < n->map.count ? (int64_t)map_offset(&n->map, n->map.prefix) : n->map.have_bytes;

	(void)i;
	watch_progress(d->f->watch, there, n->map.size);
	feed_sink(d, there, false);
}

static void node_complete(struct node *n)
{
	feed_sink(n->owner, n->map.size, true);
}

static void node_notes(struct node *n, const char *line)
{
	struct dolly *d = n->owner;

	watch_note(d->f->watch, "%s", line);
}

static void node_ended(struct node *n, int err, const struct failure *f)
{
	struct dolly *d = n->owner;

	if (f)
		d->failure = *f;
	loop_stop(&d->loop, err);
}

static const struct node_calls node_calls = {
	.open = node_opens,
	.stored = node_stored,
	.complete = node_complete,
	.note = node_notes,
	.ended = node_ended,
};

/* ---- a server of the published protocol */

static void up_begun(struct dolly_up *u)
{
	struct dolly *d = u->owner;

	close_node(d);
	watch_note(d->f->watch, "dolly server of the published protocol found");
}

static bool up_is_me(struct dolly_up *u, const char *name)
{
	struct dolly *d = u->owner;
	const char *id = d->f->options->node_id;

	return streq(name, d->name) || (id && streq(name, id));
}

static int up_resolve(struct dolly_up *u, const char *name, struct peer_address *a)
{
	struct dolly *d = u->owner;
	struct peer_address *list;
	size_t count;
	int err = net_resolve(d->f->net, name, 0, now_ms() + 10000, &list, &count, &u->failure);

	if (err)
		return err;
	*a = list[0];
	free(list);
	return 0;
}

static int up_opens(struct dolly_up *u, const struct dolly_conf *c, bool directory, struct rstore *store,
		    struct failure *f)
{
	struct dolly *d = u->owner;

	(void)c;
	if (directory)
		return fail(f, FAIL_SRV_PROTOCOL, -EOPNOTSUPP, "the server sends a directory; stage1 needs an image");
	return begin_sink(d, store, -1, f);
}

static void up_stored(struct dolly_up *u)
{
	struct dolly *d = u->owner;

	watch_progress(d->f->watch, u->position, u->length);
	feed_sink(d, u->position, false);
}

static void up_complete(struct dolly_up *u)
{
	feed_sink(u->owner, u->length, true);
}

static void up_ended(struct dolly_up *u, int err, const struct failure *f)
{
	struct dolly *d = u->owner;

	if (err)
		d->failure = *f;
	loop_stop(&d->loop, err);
}

static const struct dolly_up_calls up_calls = {
	.begun = up_begun,
	.is_me = up_is_me,
	.resolve = up_resolve,
	.open = up_opens,
	.stored = up_stored,
	.complete = up_complete,
	.ended = up_ended,
};

/* ---- one try */

static bool waiting(const struct dolly *d)
{
	return (!d->node_open || d->node.state == NODE_WAITING) && (!d->up_open || !d->up.active);
}

static void on_tick(struct loop_timer *t)
{
	struct dolly *d = container_of(t, struct dolly, tick);

	loop_at(&d->loop, t, now_ms() + TICK_MS);
	if (watch_cancelled(d->f->watch)) {
		fail(&d->failure, FAIL_SYS_CANCELLED, -ECANCELED, "while waiting for dolly");
		loop_stop(&d->loop, -ECANCELED);
	} else if (waiting(d) && now_ms() >= d->deadline) {
		loop_stop(&d->loop, -ETIMEDOUT);
	}
}

static int open_both(struct dolly *d)
{
	const struct options *o = d->f->options;
	struct node_options n = { .name = d->name,
				  .group = "dolly",
				  .password = o->value[KEY_PASS],
				  .announce = true,
				  .asked = d->asked,
				  .asked_count = d->asked_count,
				  .linger_ms = LINGER_MS };
	int err;

	err = node_open(&d->node, &d->loop, &n, &node_calls, d, &d->failure);
	if (err)
		return err;
	d->node_open = true;
	d->up = (struct dolly_up){ .loop = &d->loop, .calls = &up_calls, .owner = d, .password = o->value[KEY_PASS] };
	err = dolly_up_open(&d->up, &d->failure);
	d->up_open = !err;
	return err;
}

static int one_try(struct dolly *d, int64_t timeout_s)
{
	int err = loop_open(&d->loop);

	if (err)
		return fail(&d->failure, FAIL_SYS_INTERNAL, err, "epoll: %s", err_text(err));
	d->deadline = now_ms() + timeout_s * 1000;
	d->tick = (struct loop_timer){ .fire = on_tick };
	d->pump = (struct loop_timer){ .fire = on_pump };
	err = open_both(d);
	if (!err) {
		loop_at(&d->loop, &d->tick, now_ms());
		err = loop_run(&d->loop);
	}
	loop_forget(&d->loop, &d->tick);
	loop_forget(&d->loop, &d->pump);
	close_node(d);
	close_up(d);
	loop_close(&d->loop);
	return err;
}

/* Worth another try: nobody came, or the one who came went away. */
static bool may_pass(const struct dolly *d, int err)
{
	return err == -ETIMEDOUT || fail_is_about(d->failure.id, "SRV");
}

int dolly_fetch(struct fetch *f)
{
	struct dolly d = { .f = f };
	const char *what = f->options->rescue ? "rescue" : "stage2";
	int64_t timeout, tries;
	int err;

	if (options_number(f->options, KEY_DOLLY_TIMEOUT, 1, 1000000, TIMEOUT_S, &timeout, f->fail) < 0 ||
	    options_number(f->options, KEY_RETRIES, 1, 1000000, TRIES, &tries, f->fail) < 0)
		return -EINVAL;
	gethostname(d.name, sizeof(d.name) - 1);
	err = find_asked(&d);
	if (err)
		return err;
	*f->fail = (struct failure){ 0 };
	err = -ETIMEDOUT;
	for (int64_t i = 1; i <= tries && (i == 1 || may_pass(&d, err)); i++) {
		d.failure = (struct failure){ 0 };
		watch_waiting(f->watch, now_ms() + timeout * 1000,
			      "Waiting for %s from Dolly server (timeout %lld) (Try %lld/%lld)", what,
			      (long long)timeout, (long long)i, (long long)tries);
		err = one_try(&d, timeout);
		if (!err)
			break;
	}
	free(d.asked);
	if (err == -ETIMEDOUT && d.failure.id == FAIL_NONE)
		return fail(f->fail, FAIL_SRV_TIMEOUT, err, "no dolly server came in %lld tries of %lld s",
			    (long long)tries, (long long)timeout);
	if (err < 0 && f->fail)
		*f->fail = d.failure;
	return err;
}
