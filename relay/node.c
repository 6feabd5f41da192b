/* node.c - a receiving node: waits for a head, fetches from whom it is told, serves its children. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/node.h"

#include "relay/say.h"

#include "base/log.h"
#include "relay/announce.h"
#include "relay/intervals.h"
#include "relay/states.h"

#include <stdio.h>

#define MAX_GUESTS  64
#define SCAN_BUDGET (256 * KIB)

/* ---- states */

#define TO(state) (1u << NODE_##state)

/* What may follow what. */
static const uint32_t next[] = {
	[NODE_WAITING] = TO(FETCHING) | TO(ENDED),
	[NODE_FETCHING] = TO(WAITING) | TO(FINISHING) | TO(ENDED),
	[NODE_FINISHING] = TO(WAITING) | TO(DONE) | TO(ENDED),
	[NODE_DONE] = TO(WAITING) | TO(ENDED),
	[NODE_ENDED] = 0,
};

static const char *state_name(enum node_state s)
{
	static const char *const names[] = {
		[NODE_WAITING] = "waiting", [NODE_FETCHING] = "fetching", [NODE_FINISHING] = "finishing",
		[NODE_DONE] = "done",       [NODE_ENDED] = "ended",
	};

	return names[s];
}

static void enter(struct node *n, enum node_state s)
{
	if (n->state == s)
		return;
	states_check("a node", n->state, s, next[n->state], state_name);
	n->state = s;
}

/* ---- words to the program and to the head */

static void note(struct node *n, const char *fmt, ...) printf_like(2, 3);
static DEFINE_SAY(note, struct node, note, true)

	static void send_progress(struct node *n, enum wire_type type)
{
	struct wire_progress p = {
		.generation = n->parent.generation,
		.node = pull_is_open(&n->pull) && !n->pull.connecting ? n->parent.node : WIRE_NOBODY,
		.have = n->map.have_count,
		.bytes = (uint64_t)n->map.have_bytes,
		.received = n->pull.received + n->pull.chunk_len,
		.occupied = n->state != NODE_FETCHING || n->scanning,
		.children = (uint8_t)MIN(n->feed.count, 255u),
	};

	n->last_progress = loop_now(n->loop);
	if (!link_is_open(&n->control) || !n->greeted)
		return;
	wire_put_progress(&n->control.out, type, &p);
	link_flush(&n->control);
}

static void send_done(struct node *n)
{
	struct wire_total t = { .size = n->map.size, .count = n->map.count, .root = n->map.root };

	if (!link_is_open(&n->control))
		return;
	wire_put_total(&n->control.out, WIRE_DONE, &t);
	link_flush(&n->control);
}

/* CHUNK: of WIRE_BAD; of WIRE_LOST what connect(2) said, an errno. */
static void send_lost(struct node *n, enum wire_type type, enum wire_why why, uint32_t chunk)
{
	struct wire_lost l = {
		.generation = n->parent.generation, .node = n->parent.node, .why = (uint8_t)why, .chunk = chunk
	};

	if (type == WIRE_LOST)
		n->orphan_since = loop_now(n->loop);
	if (!link_is_open(&n->control))
		return;
	wire_put_lost(&n->control.out, type, &l);
	link_flush(&n->control);
}

static struct wire_hello hello_of(const struct node *n)
{
	struct wire_hello h = { .id = n->id, .port = door_port(&n->door), .nonce = n->nonce };

	str_copy(h.name, sizeof(h.name), n->options.name ? n->options.name : "");
	str_copy(h.group, sizeof(h.group), n->options.group);
	if (n->options.target)
		h.target = hash_bytes(n->options.target, strlen(n->options.target));
	return h;
}

/* FLAGS: of enum wire_hello_flags. */
static void send_hello(const struct node *n, struct link *to, uint8_t flags)
{
	struct wire_hello h = hello_of(n);

	h.flags = flags;
	if (n->state != NODE_WAITING) {
		memcpy(h.session, n->job.session, WIRE_SESSION);
		h.root = n->map.root;
		h.have = n->map.have_count;
	}
	wire_put_hello(&to->out, WIRE_HELLO, &h);
	link_flush(to);
}

static void finish_session(struct node *n, int err, const struct failure *f)
{
	if (n->state == NODE_ENDED)
		return;
	enter(n, NODE_ENDED);
	loop_at(n->loop, &n->tick, 0);
	loop_at(n->loop, &n->scan_timer, 0);
	pull_stop(&n->pull);
	n->result = err;
	n->calls->ended(n, err, f);
}

void node_give_up(struct node *n, int err, const struct failure *f)
{
	if (n->state == NODE_ENDED)
		return;
	n->failure = *f;
	if (link_is_open(&n->control)) {
		wire_put_text(&n->control.out, WIRE_FAILED, (uint8_t)f->id, f->detail);
		link_flush(&n->control);
	}
	finish_session(n, err, &n->failure);
}

/* ---- the target fills */

static void maybe_complete(struct node *n)
{
	if (n->state != NODE_FETCHING)
		return;
	if (n->map.stream && n->total_known && n->map.size < 0 && n->map.count >= n->total.count &&
	    map_finish_stream(&n->map, n->total.size, n->total.count, &n->total.root) < 0) {
		fail(&n->failure, FAIL_IMG_CORRUPT, -EBADMSG, "the stream that came is not the one the head sent");
		node_give_up(n, -EBADMSG, &n->failure);
		return;
	}
	if (!map_complete(&n->map))
		return;
	enter(n, NODE_FINISHING);
	pull_stop(&n->pull);
	send_progress(n, WIRE_PROGRESS);
	n->calls->complete(n);
}

void node_confirm(struct node *n, int err, const struct failure *f)
{
	if (n->state != NODE_FINISHING)
		return;
	if (err) {
		node_give_up(n, err, f);
		return;
	}
	enter(n, NODE_DONE);
	send_done(n);
}

static void on_stored(struct pull *p, uint32_t i)
{
	struct node *n = container_of(p, struct node, pull);

	if (n->calls->stored)
		n->calls->stored(n, i);
	n->silences = 0;
	feed_kick(&n->feed);
	maybe_complete(n);
}

static void on_bad(struct pull *p, uint32_t i)
{
	struct node *n = container_of(p, struct node, pull);

	note(n, "chunk %u from node %u has the wrong hash; fetching it again", i, n->parent.node);
	send_lost(n, WIRE_BAD, WIRE_WHY_BAD, i);
}

static void on_lost(struct pull *p, enum wire_why why)
{
	struct node *n = container_of(p, struct node, pull);

	send_lost(n, WIRE_LOST, why, (uint32_t)-p->error);
}

static void on_store_failed(struct pull *p, int err)
{
	struct node *n = container_of(p, struct node, pull);

	fail(&n->failure, FAIL_IMG_STORE, err, "%s: %s", n->job.target, err_text(err));
	node_give_up(n, err, &n->failure);
}

/* A child was right: chunk CHUNK is not any more what was verified and stored. Fetched anew while there is a parent;
 * afterwards the target is wrong, whatever was said of it before. */
static void on_spoiled(struct feed *f, uint32_t chunk)
{
	struct node *n = container_of(f, struct node, feed);

	if (n->state == NODE_FETCHING) {
		pull_more(&n->pull, chunk);
		return;
	}
	fail(&n->failure, FAIL_IMG_STORE, -EIO,
	     "%s does not keep what is written: chunk %u is wrong when it is read back", n->job.target, chunk);
	node_give_up(n, -EIO, &n->failure);
}

/* ---- what is there already */

static void scan_on(struct loop_timer *t)
{
	struct node *n = container_of(t, struct node, scan_timer);
	uint32_t before = n->map.have_count;
	int64_t until = loop_now(n->loop) + SCAN_SLICE_MS;
	bool more;

	if (!n->scanning || n->state != NODE_FETCHING)
		return;
	do
		more = scan_step(&n->scan, SCAN_BUDGET);
	while (more && loop_now(n->loop) < until);
	n->pull.want_limit = scan_done(&n->scan) ? UINT32_MAX : n->scan.next / MAP_GROUP * MAP_GROUP;
	if (scan_done(&n->scan)) {
		n->scanning = false;
		if (n->scan.found)
			note(n, "%lld MB of %lld MB were there already", (long long)(n->scan.found / 1000000),
			     (long long)(n->map.size / 1000000));
	} else if (more) {
		loop_at(n->loop, t, loop_now(n->loop));
	} else {
		pull_list(&n->pull, scan_group(&n->scan));
	}
	if (n->map.have_count != before)
		feed_kick(&n->feed);
	pull_more(&n->pull, UINT32_MAX);
	maybe_complete(n);
}

static void on_listed(struct pull *p, uint32_t g)
{
	struct node *n = container_of(p, struct node, pull);

	(void)g;
	feed_kick(&n->feed);
	if (n->scanning)
		loop_at(n->loop, &n->scan_timer, loop_now(n->loop));
}

static const struct pull_calls pull_calls = {
	.stored = on_stored,
	.listed = on_listed,
	.bad = on_bad,
	.lost = on_lost,
	.store_failed = on_store_failed,
};

/* ---- the job */

static void drop_session(struct node *n)
{
	feed_close(&n->feed);
	pull_free(&n->pull);
	scan_free(&n->scan);
	if (n->store_open)
		rstore_close(&n->store, n->map.have_count > 0);
	n->store_open = false;
	map_free(&n->map);
	wire_job_free(&n->job);
	if (n->state != NODE_ENDED)
		enter(n, NODE_WAITING);
}

/* Makes JOB ours: map, target, what is there already. */
static int begin_job(struct node *n, struct wire_job *job)
{
	int err;

	drop_session(n);
	n->job = *job;
	*job = (struct wire_job){ 0 };
	if (n->job.flags & WIRE_JOB_STREAM)
		err = map_init_stream(&n->map, n->job.chunk);
	else
		err = map_init_fixed(&n->map, n->job.size, n->job.chunk, n->job.group, n->job.groups, &n->job.root);
	if (err)
		return fail(&n->failure, FAIL_SRV_PROTOCOL, err, "the head's job makes no sense");
	err = n->calls->open(n, &n->job, &n->store, &n->failure);
	if (err)
		return err;
	n->store_open = true;
	enter(n, NODE_FETCHING);
	n->total_known = false;
	n->parent = (struct wire_parent){ .node = WIRE_NOBODY };
	n->pull = (struct pull){ .loop = n->loop,
				 .map = &n->map,
				 .store = &n->store,
				 .calls = &pull_calls,
				 .node = n->job.node,
				 .w = { .fd = -1 } };
	memcpy(n->pull.session, n->job.session, WIRE_SESSION);
	n->feed = (struct feed){ .loop = n->loop, .map = &n->map, .store = &n->store, .spoiled = on_spoiled };
	n->scan = (struct scan){ .map = &n->map, .store = &n->store };
	n->scanning = n->store.resumed && !n->map.stream;
	n->pull.want_limit = n->scanning ? 0 : UINT32_MAX;
	return 0;
}

static bool proven(struct node *n, const struct wire_job *job)
{
	struct hash proof;

	if (!n->options.password)
		return true;
	proof = wire_job_proof(job, n->options.password, &n->nonce);
	return hash_equal(&proof, &job->proof);
}

static void take_job(struct node *n, const uint8_t *body, size_t len)
{
	struct wire_job job;

	if (wire_get_job(body, len, &job) < 0) {
		link_close(&n->control);
		return;
	}
	if (!proven(n, &job)) {
		note(n, "a head with the wrong password was refused");
		wire_put_text(&n->control.out, WIRE_FAILED, FAIL_SRV_DENIED, "the passwords differ");
		link_flush(&n->control);
		wire_job_free(&job);
		return;
	}
	if (n->state != NODE_WAITING && memcmp(job.session, n->job.session, WIRE_SESSION) == 0 &&
	    streq(job.target, n->job.target)) {
		/* the head has come back: what is here stays */
		n->job.node = n->pull.node = job.node;
		n->job.head_port = job.head_port;
		wire_job_free(&job);
	} else if (begin_job(n, &job) < 0) {
		wire_job_free(&job);
		node_give_up(n, n->failure.err, &n->failure);
		return;
	}
	send_progress(n, WIRE_READY);
	if (n->state == NODE_DONE)
		send_done(n);
	maybe_complete(n);
}

static void take_parent(struct node *n, const uint8_t *body, size_t len)
{
	struct peer_address a = { 0 };
	struct wire_parent m;

	if (n->state != NODE_FETCHING || wire_get_parent(body, len, &m) < 0)
		return;
	n->parent = m;
	n->orphan_since = loop_now(n->loop);
	if (m.family == WIRE_COMES && n->pushed == m.generation && pull_is_open(&n->pull))
		return; /* it was faster than its word */
	n->pushed = 0;
	pull_stop(&n->pull);
	if (m.node == WIRE_NOBODY || m.family == WIRE_COMES)
		return;
	if (m.family == WIRE_AT_HEAD) {
		a = n->head;
		peer_set_port(&a, m.node ? m.port : n->job.head_port);
	} else if (m.family == WIRE_IPV6) {
		a.u.in6.sin6_family = AF_INET6;
		memcpy(&a.u.in6.sin6_addr, m.address, 16);
		/* a link-local parent is on the link on which the head is */
		if (n->head.u.sa.sa_family == AF_INET6)
			a.u.in6.sin6_scope_id = n->head.u.in6.sin6_scope_id;
		a.len = sizeof(a.u.in6);
		peer_set_port(&a, m.port);
	} else {
		a.u.in.sin_family = AF_INET;
		memcpy(&a.u.in.sin_addr, m.address, 4);
		a.len = sizeof(a.u.in);
		peer_set_port(&a, m.port);
	}
	if (pull_from(&n->pull, &a) < 0)
		send_lost(n, WIRE_LOST, WIRE_WHY_REFUSED, (uint32_t)-n->pull.error);
	else if (n->scanning)
		loop_at(n->loop, &n->scan_timer, loop_now(n->loop));
}

static void take_bye(struct node *n, const uint8_t *body, size_t len)
{
	char text[300];
	uint8_t code;

	if (wire_get_text(body, len, &code, text, sizeof(text)) < 0)
		code = 1;
	if (n->state == NODE_DONE) {
		finish_session(n, 0, NULL);
	} else if (n->state == NODE_FETCHING || n->state == NODE_FINISHING) {
		fail(&n->failure, FAIL_SRV_ERROR, -ECONNABORTED, "the head ended the session: %s", text);
		finish_session(n, -ECONNABORTED, &n->failure);
	}
}

/* ---- the control connection */

static void on_control(struct link *l, const struct wire_header *h, const uint8_t *body)
{
	struct node *n = container_of(l, struct node, control);
	uint32_t child;

	switch (h->type) {
	case WIRE_OPEN:
		send_hello(n, &n->control, 0);
		n->greeted = true;
		break;
	case WIRE_JOB:
		take_job(n, body, h->length);
		break;
	case WIRE_PARENT:
		take_parent(n, body, h->length);
		break;
	case WIRE_DROP:
		if (wire_get_number(body, h->length, &child) == 0 && n->state != NODE_WAITING)
			feed_drop(&n->feed, child);
		break;
	case WIRE_TOTAL:
		if (wire_get_total(body, h->length, &n->total) == 0) {
			n->total_known = true;
			maybe_complete(n);
		}
		break;
	case WIRE_BYE:
		take_bye(n, body, h->length);
		break;
	default:
		break; /* WIRE_BEAT, or what a later version says */
	}
}

static void on_control_closed(struct link *l, int err)
{
	struct node *n = container_of(l, struct node, control);

	n->greeted = false;
	n->headless_since = loop_now(n->loop);
	if (n->state != NODE_WAITING)
		note(n, "the connection to the head is gone (%s); waiting for it", err ? err_text(err) : "closed");
}

static const struct link_calls control_calls = { .frame = on_control, .closed = on_control_closed };

/* ---- who knocks at the door */

/* A head has connected. One that is alive is not replaced by the next who comes. */
static void welcome_head(struct node *n, struct link *guest)
{
	if (link_is_open(&n->control) && loop_now(n->loop) - n->control.heard < NODE_KEEPS_HEAD_MS) {
		send_hello(n, guest, WIRE_HELLO_TAKEN);
		return;
	}
	link_close(&n->control);
	if (peer_far(n->loop, guest->w.fd, &n->head) < 0 || link_move(&n->control, guest, &control_calls) < 0) {
		link_close(&n->control);
		return;
	}
	n->headless_since = 0;
	send_hello(n, &n->control, 0);
	n->greeted = true;
	link_process(&n->control);
}

static void welcome_child(struct node *n, struct link *guest, const uint8_t *body, size_t len)
{
	struct wire_get get;

	if (wire_get_get(body, len, &get) < 0)
		return;
	if (n->state == NODE_WAITING || n->state == NODE_ENDED ||
	    memcmp(get.session, n->job.session, WIRE_SESSION) != 0 || get.node == n->job.node) {
		wire_put_text(&guest->out, WIRE_REFUSED, 0, "no such session here");
		link_flush(guest);
		return;
	}
	if (feed_adopt(&n->feed, guest, &get) < 0)
		log_warn("relay: no memory for child %u", get.node);
}

/* The head has come as our parent, as it said it would. */
static void welcome_parent(struct node *n, struct link *guest, const uint8_t *body, size_t len)
{
	struct peer_address from;
	struct wire_get get;

	if (n->state != NODE_FETCHING || wire_get_get(body, len, &get) < 0 ||
	    memcmp(get.session, n->job.session, WIRE_SESSION) != 0 || get.node != n->job.node ||
	    get.generation < n->parent.generation || peer_far(n->loop, guest->w.fd, &from) < 0 ||
	    !peer_same_host(&from, &n->head))
		return;
	n->pushed = get.generation;
	n->parent.generation = get.generation;
	n->parent.node = 0;
	n->parent.family = WIRE_COMES;
	if (pull_over(&n->pull, link_release(guest)) < 0)
		send_lost(n, WIRE_LOST, WIRE_WHY_REFUSED, 0);
	else if (n->scanning)
		loop_at(n->loop, &n->scan_timer, loop_now(n->loop));
}

static void on_knock(struct door *d, struct link *guest, const struct wire_header *h, const uint8_t *body)
{
	struct node *n = container_of(d, struct node, door);

	if (h->type == WIRE_OPEN)
		welcome_head(n, guest);
	else if (h->type == WIRE_GET)
		welcome_child(n, guest, body, h->length);
	else if (h->type == WIRE_PUSH)
		welcome_parent(n, guest, body, h->length);
}

/* ---- time */

static void look_after_head(struct node *n, int64_t now)
{
	int64_t patience = n->options.head_patience ? n->options.head_patience : HEAD_PATIENCE_MS;

	if (link_is_open(&n->control)) {
		if (now - n->control.heard > HEAD_SILENCE_MS) {
			link_close(&n->control);
			on_control_closed(&n->control, -ETIMEDOUT);
		}
		return;
	}
	if (n->options.announce && now - n->last_announce >= ANNOUNCE_MS) {
		struct wire_hello h = hello_of(n);

		announce_send(n->loop, n->udp_fd, WIRE_PORT, &h, n->options.asked, n->options.asked_count);
		n->last_announce = now;
	}
	if (n->feed.sent != n->sent) {
		n->sent = n->feed.sent;
		n->sent_at = now;
	}
	/* a child that stands still keeps its connection, and nobody for ever */
	if (n->state == NODE_DONE && now - MAX(n->headless_since, n->feed.count ? n->sent_at : 0) >
					     (n->feed.count ? patience : DONE_PATIENCE_MS)) {
		finish_session(n, 0, NULL);
	} else if (n->state == NODE_FETCHING && now - n->headless_since > patience) {
		fail(&n->failure, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "no head for %lld s", (long long)(patience / 1000));
		finish_session(n, -ETIMEDOUT, &n->failure);
	}
}

static void look_after_parent(struct node *n, int64_t now)
{
	unsigned patience = MAX(n->parent.patience, (unsigned)PARENT_SILENCE_MS);

	if (pull_is_open(&n->pull) && now - n->pull.heard > PARENT_SILENCE_MS / 4)
		pull_poll(&n->pull);
	if (pull_is_open(&n->pull))
		n->orphan_since = 0;
	if (pull_is_open(&n->pull) && now - n->pull.heard > (int64_t)patience << MIN(n->silences, 2u)) {
		/* bytes come, and the way is crowded: to begin anew costs more than to wait */
		if (n->pull.received)
			n->silences++;
		pull_stop(&n->pull);
		send_lost(n, WIRE_LOST, WIRE_WHY_SILENT, 0);
	} else if (n->state == NODE_FETCHING && n->orphan_since && now - n->orphan_since > ORPHAN_MS) {
		send_lost(n, WIRE_LOST, n->parent.family == WIRE_COMES ? WIRE_WHY_SILENT : WIRE_WHY_NONE, 0);
	}
}

static void on_tick(struct loop_timer *t)
{
	struct node *n = container_of(t, struct node, tick);
	int64_t now = loop_now(n->loop);

	loop_at(n->loop, t, now + NODE_TICK_MS);
	door_tick(&n->door, now);
	look_after_parent(n, now);
	if (n->state != NODE_WAITING)
		feed_tick(&n->feed, now);
	if (now - n->last_progress >= (n->job.report_ms ? MIN(n->job.report_ms, REPORT_MAX_MS) : REPORT_MS))
		send_progress(n, WIRE_PROGRESS);
	look_after_head(n, now);
	if (n->state != NODE_DONE || n->feed.count)
		n->needed = now;
	else if (n->options.linger_ms && now - n->needed > n->options.linger_ms)
		finish_session(n, 0, NULL);
}

/* ---- begin and end */

int node_open(struct node *n, struct loop *l, const struct node_options *o, const struct node_calls *calls, void *owner,
	      struct failure *f)
{
	uint16_t port = o->port ? o->port : WIRE_PORT;
	int err;

	*n = (struct node){ .loop = l, .options = *o, .calls = calls, .owner = owner, .udp_fd = -1 };
	n->tick.fire = on_tick;
	n->scan_timer.fire = scan_on;
	n->control.w.fd = n->pull.w.fd = n->door.listener.fd = -1;
	n->headless_since = loop_now(l);
	wire_random(&n->id, sizeof(n->id));
	wire_random(&n->nonce, sizeof(n->nonce));
	err = door_open(&n->door, l, port, MAX_GUESTS, on_knock);
	if (err)
		return fail(f, FAIL_NET_PORT, err, "port %u: %s", port, err_text(err));
	if (o->announce)
		n->udp_fd = l->world->datagrams(l, 0, true);
	loop_at(l, &n->tick, loop_now(l));
	return 0;
}

void node_close(struct node *n)
{
	loop_forget(n->loop, &n->tick);
	loop_forget(n->loop, &n->scan_timer);
	door_close(&n->door);
	link_close(&n->control);
	drop_session(n);
	if (n->udp_fd >= 0)
		peer_shut(n->loop, n->udp_fd);
	n->udp_fd = -1;
}
