/* head.c - the head of a session: finds the nodes, gives them their job, follows them to the end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/head_internal.h"

#include "relay/say.h"

#include "base/log.h"
#include "relay/announce.h"
#include "relay/states.h"

#include <stdio.h>

#define MAX_GUESTS 1024

DEFINE_SAY(head_note, struct head, note, true)

const char *head_state_name(enum head_node_state s)
{
	static const char *const names[] = {
		[HEAD_EXPECTED] = "not seen", [HEAD_JOINING] = "joining", [HEAD_READY] = "fetching",
		[HEAD_DONE] = "done",         [HEAD_LOST] = "lost",       [HEAD_FAILED] = "failed",
		[HEAD_DROPPED] = "dropped",
	};

	return names[s];
}

const char *head_why(const struct head_node *n)
{
	if (n->why[0])
		return n->why;
	return n->state == HEAD_EXPECTED ? "never answered" : head_state_name(n->state);
}

const char *head_address(const struct head_node *n, char buf[PEER_TEXT])
{
	return n->address.len ? peer_text(&n->address, buf) : "?";
}

#define TO(state) (1u << HEAD_##state)

/* What may follow what. */
static const uint32_t next[HEAD_STATES] = {
	[HEAD_EXPECTED] = TO(JOINING) | TO(DONE) | TO(FAILED) | TO(DROPPED),
	[HEAD_JOINING] = TO(READY) | TO(LOST) | TO(DONE) | TO(FAILED) | TO(DROPPED),
	[HEAD_READY] = TO(JOINING) | TO(DONE) | TO(LOST) | TO(FAILED) | TO(DROPPED),
	[HEAD_DONE] = TO(LOST) | TO(FAILED),
	[HEAD_LOST] = TO(JOINING) | TO(READY) | TO(FAILED) | TO(DROPPED),
	[HEAD_FAILED] = TO(LOST) | TO(DONE),
};

void head_set_state(struct head_node *n, enum head_node_state s)
{
	states_check("the head's view of a node", n->state, s, next[n->state], head_state_name);
	n->state = s;
	if (s == HEAD_DONE)
		n->done_at = loop_now(n->head->loop);
	if (n->head->calls->changed)
		n->head->calls->changed(n->head, n);
}

void head_fail(struct head_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
	head_set_state(n, HEAD_FAILED);
	head_note(n->head, "%s is given up: %s", n->name, n->why);
	head_chain_leave(n);
}

void head_lose(struct head_node *n, bool close, const char *fmt, ...)
{
	bool was_there = n->state == HEAD_JOINING || n->state == HEAD_READY;
	va_list ap;

	if (close) {
		link_close(&n->control);
		n->next_try = loop_now(n->head->loop) + RETRY_MS;
	}
	if (was_there) {
		va_start(ap, fmt);
		vsnprintf(n->why, sizeof(n->why), fmt, ap);
		va_end(ap);
		n->lost_count++;
		n->lost_at = loop_now(n->head->loop);
		head_set_state(n, HEAD_LOST);
		if (!n->head->ending)
			head_note(n->head, "%s is lost: %s", n->name, n->why);
	}
	head_chain_leave(n);
}

/* ---- the job */

static void send_job(struct head_node *n)
{
	struct head *h = n->head;
	struct wire_job j = {
		.flags = h->options.job_flags | (h->map->stream ? WIRE_JOB_STREAM : 0),
		.node = n->number,
		.head_port = door_port(&h->door),
		.chunk = h->map->chunk,
		.size = h->map->stream ? -1 : h->map->size,
		.split = h->options.split,
		.report_ms = head_report_ms(h),
		.root = h->map->root,
		.target = (char *)h->options.target,
		.group = h->map->group,
		.groups = h->map->stream ? 0 : h->map->groups,
	};

	memcpy(j.session, h->session, WIRE_SESSION);
	str_copy(j.name, sizeof(j.name), n->name);
	wire_random(&j.nonce, sizeof(j.nonce));
	if (h->options.password)
		j.proof = wire_job_proof(&j, h->options.password, &n->nonce);
	wire_put_job(&n->control.out, &j);
	link_flush(&n->control);
}

static void send_total(struct head_node *n)
{
	struct map *m = n->head->map;
	struct wire_total t = { .size = m->size, .count = m->count, .root = m->root };

	if (!m->stream || m->size < 0 || !link_is_open(&n->control))
		return;
	wire_put_total(&n->control.out, WIRE_TOTAL, &t);
	link_flush(&n->control);
}

/* N is no part of the session any more; what it is for people stays in `why`. */
static void drop_node(struct head_node *n, const char *fmt, ...) printf_like(2, 3);
static void drop_node(struct head_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
	link_close(&n->control);
	head_set_state(n, HEAD_DROPPED);
	head_note(n->head, "%s %s", n->name, n->why);
	head_chain_leave(n);
	n->id = 0;
	n->head->vacant++;
}

static struct head_node *other_with_id(const struct head_node *n, uint64_t id)
{
	for (uint32_t i = 1; i <= n->head->count; i++)
		if (n->head->node[i] != n && n->head->node[i]->id == id)
			return n->head->node[i];
	return NULL;
}

/* N says hello as somebody who is not taken, or not for this session. True: that was all. */
static bool turned_away(struct head_node *n, const struct wire_hello *m)
{
	struct head *h = n->head;
	const struct head_node *other = other_with_id(n, m->id);

	if (other && n->state == HEAD_EXPECTED) {
		drop_node(n, "is the same machine as %s", other->name);
		return true;
	}
	if (m->flags & WIRE_HELLO_TAKEN) {
		link_close(&n->control);
		n->next_try = loop_now(h->loop) + RETRY_MS;
		if (!n->id && h->options.wanted && n->state == HEAD_EXPECTED)
			drop_node(n, "is taken by another server");
		else if (!n->id)
			str_copy(n->why, sizeof(n->why), "is taken by another server");
		return true;
	}
	if (n->id && n->id != m->id && n->ready && !hash_equal(&n->target, &m->target)) {
		link_close(&n->control);
		if (n->state != HEAD_FAILED && n->state != HEAD_DONE)
			head_fail(n, "was started anew for another target; before: %s",
				  n->why[0] ? n->why : "it ended");
		return true;
	}
	return false;
}

/* Another program on N's machine: it begins at nothing, but not for ever. False: once too often. */
static bool start_anew(struct head_node *n, int64_t now)
{
	if (n->state == HEAD_DONE || n->state == HEAD_FAILED) {
		head_note(n->head, "%s was started anew; it gets everything again", n->name);
		head_set_state(n, HEAD_LOST);
	}
	n->best = 0;
	n->moved_at = now;
	n->ready = false;
	if (++n->restarts <= RESTARTS)
		return true;
	link_close(&n->control);
	head_fail(n, "was started anew %d times; the last time: %s", RESTARTS, n->why[0] ? n->why : "it ended");
	return false;
}

static void take_hello(struct head_node *n, const struct wire_hello *m)
{
	struct head *h = n->head;
	int64_t now = loop_now(h->loop);

	if (h->ending || n->state == HEAD_DROPPED || turned_away(n, m))
		return;
	if (n->id && n->id != m->id && !start_anew(n, now))
		return;
	if (n->state == HEAD_FAILED)
		return; /* it is given up: coming back changes nothing */
	if (!n->moved_at)
		n->moved_at = now;
	if (n->state == HEAD_READY)
		head_chain_leave(n);
	n->id = m->id;
	n->target = m->target;
	n->nonce = m->nonce;
	n->progress.have = 0;
	n->progress.bytes = 0;
	if (m->port)
		peer_set_port(&n->address, m->port);
	if (!n->name[0])
		str_copy(n->name, sizeof(n->name), m->name[0] ? m->name : "node");
	if (n->state != HEAD_DONE && n->state != HEAD_JOINING)
		head_set_state(n, HEAD_JOINING);
	send_job(n);
}

static void take_ready(struct head_node *n, const struct wire_progress *p)
{
	struct head *h = n->head;

	if (n->state != HEAD_JOINING)
		return;
	n->progress = *p;
	n->ready = true;
	if (n->lost_count)
		head_note(h, "%s is back with %llu MB", n->name, (unsigned long long)(p->bytes / 1000000));
	n->why[0] = '\0';
	head_set_state(n, HEAD_READY);
	if (!h->first_ready)
		h->first_ready = loop_now(h->loop);
	head_chain_join(n);
	send_total(n);
}

static void take_done(struct head_node *n, const struct wire_total *t)
{
	struct head *h = n->head;

	if (h->ending || (n->state != HEAD_READY && n->state != HEAD_LOST && n->state != HEAD_FAILED))
		return;
	if (n->state == HEAD_LOST)
		head_set_state(n, HEAD_READY);
	if (h->map->size < 0 || t->size != h->map->size || !hash_equal(&t->root, &h->map->root)) {
		if (n->state != HEAD_FAILED)
			head_fail(n, "says it is done, but with other bytes");
		return;
	}
	h->resent += n->progress.received > (uint64_t)t->size ? n->progress.received - (uint64_t)t->size : 0;
	n->progress.bytes = (uint64_t)t->size;
	n->progress.have = t->count;
	h->plan.node[n->number].bytes = t->size;
	h->plan.node[n->number].done = true;
	head_set_state(n, HEAD_DONE);
}

static void take_failed(struct head_node *n, const uint8_t *body, size_t len)
{
	char why[sizeof(n->why)];
	uint8_t code;

	if (n->state == HEAD_FAILED || n->state == HEAD_DROPPED)
		return;
	if (wire_get_text(body, len, &code, why, sizeof(why)) < 0 || !why[0])
		str_copy(why, sizeof(why), "failed without saying why");
	str_copy(n->why, sizeof(n->why), why);
	head_set_state(n, HEAD_FAILED);
	head_note(n->head, "%s failed: %s", n->name, n->why);
	head_chain_leave(n);
}

/* A node taken for lost speaks: it is back where it was. */
static void revive(struct head_node *n)
{
	if (n->state == HEAD_DONE)
		n->head->plan.node[n->number].live = true;
	if (n->state != HEAD_LOST || !n->id || !n->ready)
		return;
	head_note(n->head, "%s is heard of again", n->name);
	head_set_state(n, HEAD_READY);
	head_chain_join(n);
}

static void on_control(struct link *l, const struct wire_header *hdr, const uint8_t *body)
{
	struct head_node *n = container_of(l, struct head_node, control);
	struct wire_progress p;
	struct wire_hello m;
	struct wire_total t;
	struct wire_lost lost;

	if (hdr->type == WIRE_HELLO && wire_get_hello(body, hdr->length, &m) == 0) {
		take_hello(n, &m);
		return;
	}
	if (hdr->type == WIRE_PROGRESS && wire_get_progress(body, hdr->length, &p) == 0) {
		head_chain_progress(n, &p);
		revive(n);
	} else if (hdr->type == WIRE_READY && wire_get_progress(body, hdr->length, &p) == 0) {
		take_ready(n, &p);
	} else if (hdr->type == WIRE_LOST && wire_get_lost(body, hdr->length, &lost) == 0) {
		head_chain_lost(n, &lost);
	} else if (hdr->type == WIRE_BAD && wire_get_lost(body, hdr->length, &lost) == 0) {
		head_chain_bad(n, &lost);
	} else if (hdr->type == WIRE_DONE && wire_get_total(body, hdr->length, &t) == 0) {
		take_done(n, &t);
	} else if (hdr->type == WIRE_FAILED) {
		take_failed(n, body, hdr->length);
	}
}

/* The next of N's addresses is tried, the present one after all others. */
static void turn_address(struct head_node *n)
{
	struct peer_address first = n->address;

	if (!n->others)
		return;
	n->address = n->also[0];
	memmove(n->also, n->also + 1, (n->others - 1) * sizeof(*n->also));
	n->also[n->others - 1] = first;
}

/* Whoever never spoke to us cannot be reached: the way by the published protocol may be open. */
static void cannot_reach(struct head_node *n, int err)
{
	bool firewall = err == -EHOSTUNREACH || err == -ETIMEDOUT || err == -EACCES;

	snprintf(n->why, sizeof(n->why), "never answered: port %u: %s%s", peer_port(&n->address),
		 err ? err_text(err) : "it hangs up", firewall ? " (is it on? is a firewall there?)" : "");
	if (n->head->calls->refused)
		n->head->calls->refused(n->head, n);
	turn_address(n);
}

static void on_control_closed(struct link *l, int err)
{
	struct head_node *n = container_of(l, struct head_node, control);

	if (n->state == HEAD_EXPECTED)
		cannot_reach(n, err);
	n->next_try = loop_now(n->head->loop) + RETRY_MS;
	head_lose(n, true, "%s", err ? err_text(err) : "it closed the connection");
}

static void on_control_connected(struct link *l)
{
	wire_put_empty(&l->out, WIRE_OPEN);
	link_flush(l);
}

static const struct link_calls control_calls = { .frame = on_control,
						 .closed = on_control_closed,
						 .connected = on_control_connected };

/* ---- nodes */

struct head_node *head_add(struct head *h, const struct peer_address *a, const char *name)
{
	struct head_node **list = realloc(h->node, ((size_t)h->count + 2) * sizeof(struct head_node *));
	struct head_node *n = calloc(1, sizeof(*n));

	if (list)
		h->node = list;
	if (!list || !n || plan_resize(&h->plan, h->count + 1) < 0) {
		free(n);
		return NULL;
	}
	n->head = h;
	n->number = ++h->count;
	h->node[0] = NULL;
	h->node[n->number] = n;
	n->address = *a;
	if (a->len && !peer_port(a))
		peer_set_port(&n->address, WIRE_PORT);
	str_copy(n->name, sizeof(n->name), name);
	n->control.w.fd = n->push.w.fd = -1;
	return n;
}

int head_also(struct head_node *n, const struct peer_address *a)
{
	struct peer_address *list = realloc(n->also, (n->others + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	n->also = list;
	list[n->others] = *a;
	if (!peer_port(a))
		peer_set_port(&list[n->others], WIRE_PORT);
	n->others++;
	return 0;
}

void head_set_elsewhere(struct head *h, struct head_node *n, int err, const char *why)
{
	n->elsewhere = true;
	link_close(&n->control);
	str_copy(n->why, sizeof(n->why), why ? why : "");
	head_set_state(n, !err ? HEAD_DONE : err < 0 ? HEAD_FAILED : HEAD_JOINING);
	if (err < 0)
		head_note(h, "%s failed: %s", n->name, n->why);
}

static void try_connect(struct head_node *n, int64_t now)
{
	int fd;

	if (link_is_open(&n->control)) {
		if (n->control.connecting && now - n->control.heard > CONNECT_MS) {
			link_close(&n->control);
			n->next_try = now + RETRY_MS;
			if (n->state == HEAD_EXPECTED)
				cannot_reach(n, -ETIMEDOUT);
		}
		return;
	}
	if (n->elsewhere || !n->address.len || n->state == HEAD_FAILED || n->state == HEAD_DONE ||
	    n->state == HEAD_DROPPED || now < n->next_try)
		return;
	n->next_try = now + RETRY_MS;
	fd = peer_connect(n->head->loop, &n->address);
	if (fd < 0 && n->state == HEAD_EXPECTED)
		cannot_reach(n, fd);
	if (fd >= 0 && link_open(&n->control, n->head->loop, fd, &control_calls, true) < 0)
		log_warn("relay: no room for a connection to %s", n->name);
}

/* ---- who knocks at the door, who announces itself */

/* The node that announced itself or connected from A, a new one where there is still room. NULL: not wanted. */
static struct head_node *node_at(struct head *h, const struct peer_address *a, uint64_t id, const char *name)
{
	for (uint32_t i = 1; i <= h->count; i++)
		if (h->node[i]->state != HEAD_DROPPED &&
		    (h->node[i]->id == id ||
		     (peer_same_host(&h->node[i]->address, a) && peer_port(&h->node[i]->address) == peer_port(a))))
			return h->node[i];
	if (h->count >= h->options.wanted + h->vacant || !h->options.wanted)
		return NULL;
	return head_add(h, a, name);
}

static void welcome_node(struct head *h, struct link *guest, const uint8_t *body, size_t len)
{
	struct peer_address a;
	struct head_node *n;
	struct wire_hello m;

	if (wire_get_hello(body, len, &m) < 0 || !streq(m.group, h->options.group) ||
	    peer_far(h->loop, guest->w.fd, &a) < 0)
		return;
	peer_unmap(&a); /* a node told of it may have IPv4 only */
	peer_set_port(&a, m.port);
	n = node_at(h, &a, m.id, m.name);
	if (!n || n->elsewhere)
		return;
	link_close(&n->control);
	if (link_move(&n->control, guest, &control_calls) == 0)
		take_hello(n, &m);
}

static void on_knock(struct door *d, struct link *guest, const struct wire_header *hdr, const uint8_t *body)
{
	struct head *h = container_of(d, struct head, door);
	struct wire_get get;

	if (hdr->type == WIRE_HELLO) {
		welcome_node(h, guest, body, hdr->length);
	} else if (hdr->type == WIRE_GET && wire_get_get(body, hdr->length, &get) == 0 &&
		   memcmp(get.session, h->session, WIRE_SESSION) == 0) {
		if (feed_adopt(&h->feed, guest, &get) < 0)
			log_warn("relay: no memory for child %u", get.node);
	}
}

/* Somebody announces itself: it is connected to at the next tick. */
static void on_announcement(struct loop_fd *w, uint32_t events)
{
	struct head *h = container_of(w, struct head, udp);
	struct peer_address from;
	struct wire_hello m;
	int n;

	(void)events;
	while ((n = announce_receive(h->loop, w->fd, &m, &from)) != 0) {
		char text[PEER_TEXT];

		if (n < 0 || !streq(m.group, h->options.group))
			continue;
		if (!node_at(h, &from, m.id, m.name[0] ? m.name : peer_text(&from, text)))
			log_debug("relay: %s announces itself and is not needed", peer_text(&from, text));
	}
}

/* ---- time */

static bool given_up(const struct head_node *n, int64_t now)
{
	const struct head_options *o = &n->head->options;

	switch (n->state) {
	case HEAD_DONE:
	case HEAD_FAILED:
	case HEAD_DROPPED:
		return true;
	case HEAD_LOST:
		return now - n->lost_at > (o->return_ms ? o->return_ms : RETURN_MS);
	case HEAD_EXPECTED:
		return now - n->head->begun > (o->give_up_ms ? o->give_up_ms : GIVE_UP_MS);
	default:
		return false; /* check_stall() sees to it */
	}
}

/* Nodes that were asked for and have not announced themselves yet, while they may. */
static uint32_t still_coming(const struct head *h, int64_t now)
{
	uint32_t there = h->count - MIN(h->vacant, h->count);

	if (h->options.wanted <= there || now - h->begun > (h->options.give_up_ms ? h->options.give_up_ms : GIVE_UP_MS))
		return 0;
	return h->options.wanted - there;
}

static void maybe_start(struct head *h, int64_t now)
{
	uint32_t ready = 0, coming = 0;
	int64_t patience = h->options.start_ms ? h->options.start_ms : START_MS;

	if (h->started || !h->first_ready)
		return;
	for (uint32_t i = 1; i <= h->count; i++) {
		struct head_node *n = h->node[i];

		ready += n->state == HEAD_READY && !n->elsewhere;
		coming += !given_up(n, now) && n->state != HEAD_READY && !n->elsewhere;
	}
	coming += still_coming(h, now);
	if (coming && ((h->options.wanted && !h->options.start_ms) || now - h->first_ready < patience))
		return;
	head_note(h, "starting with %u of %u nodes", ready, MAX(h->count, h->options.wanted));
	h->started = true;
	h->started_at = now;
	/* the chain runs in the order of the list, not in that of coming */
	for (uint32_t i = 1; i <= h->count; i++)
		if (h->plan.node[i].live)
			plan_append(&h->plan, i);
	head_chain_assign(h);
}

static void begin_ending(struct head *h, const char *why)
{
	h->ending = true;
	h->ended_at = loop_now(h->loop);
	h->result = 0;
	for (uint32_t i = 1; i <= h->count; i++) {
		struct head_node *n = h->node[i];

		if (n->state != HEAD_DONE && n->state != HEAD_DROPPED)
			h->result = -EIO;
		if (!link_is_open(&n->control) || n->control.connecting)
			continue;
		wire_put_text(&n->control.out, WIRE_BYE, n->state != HEAD_DONE, why);
		link_flush(&n->control);
	}
	if (h->count <= h->vacant || h->count - h->vacant < h->options.wanted)
		h->result = -EIO;
}

static void maybe_end(struct head *h, int64_t now)
{
	bool waiting = h->map->size < 0;

	if (h->ending) {
		for (uint32_t i = 1; i <= h->count; i++)
			waiting = waiting || (link_is_open(&h->node[i]->control) && h->node[i]->control.out.len > 0);
		if (!waiting || now - h->ended_at > GOODBYE_MS) {
			loop_at(h->loop, &h->tick, 0);
			h->calls->ended(h, h->result);
		}
		return;
	}
	for (uint32_t i = 1; i <= h->count; i++)
		waiting = waiting || !given_up(h->node[i], now);
	waiting = waiting || (!h->started && still_coming(h, now));
	if (!waiting)
		begin_ending(h, "the session is over");
}

/* What N's last limit says of it. */
static void name_stall(struct head_node *n, int64_t patience)
{
	char before[sizeof(n->why)];

	str_copy(before, sizeof(before), n->why[0] ? n->why : n->complaint);
	if (n->state == HEAD_JOINING)
		head_fail(n,
			  "speaks, but does not say within %lld s that its target is open%s%s (do large packets reach "
			  "it? MTU)",
			  (long long)(patience / 1000), before[0] ? "; " : "", before);
	else
		head_fail(n, "got nothing new for %lld s%s%s", (long long)(patience / 1000), before[0] ? "; " : "",
			  before);
}

/* A node that lives, but gets nothing new although there is more: nobody waits for it for ever, however often it goes
 * and comes back meanwhile. The end of a stream that pauses is not its fault. */
static void check_stall(struct head_node *n, int64_t now)
{
	struct head *h = n->head;
	int64_t patience = h->options.stall_ms ? h->options.stall_ms : STALL_MS;

	if (n->state == HEAD_READY && (!h->started || head_chain_waits(n)))
		n->moved_at = now;
	if ((n->state != HEAD_READY && n->state != HEAD_JOINING && n->state != HEAD_LOST) ||
	    now - n->moved_at < patience)
		return;
	/* with every byte there it is bringing them to its medium, which may be slow */
	if (n->state != HEAD_JOINING && (int64_t)n->progress.bytes >= h->map->have_bytes &&
	    (h->map->size < 0 || now - n->moved_at < STALL_MEDIUM * patience))
		return;
	name_stall(n, patience);
}

static void look_after_node(struct head_node *n, int64_t now, bool beat)
{
	if (n->elsewhere)
		return;
	check_stall(n, now);
	head_chain_push_tick(n, now);
	try_connect(n, now);
	if (!link_is_open(&n->control) || n->control.connecting)
		return;
	if (beat) {
		wire_put_empty(&n->control.out, WIRE_BEAT);
		link_flush(&n->control);
	}
	if (now - n->control.heard > NODE_DEAD_MS) {
		if (n->state == HEAD_EXPECTED) {
			/* its kernel accepts connections: it is there, but does not run */
			head_set_state(n, HEAD_JOINING);
			n->moved_at = now - NODE_DEAD_MS;
		}
		head_lose(n, true, "silent for %d s", NODE_DEAD_MS / 1000);
	} else if (now - n->control.heard > NODE_SILENCE_MS && n->state == HEAD_READY) {
		head_lose(n, false, "silent for %d ms", NODE_SILENCE_MS);
	} else if (now - n->control.heard > NODE_SILENCE_MS && n->head->plan.node[n->number].live) {
		head_chain_leave(n); /* done, but nobody should wait for it to feed */
	}
}

static void on_tick(struct loop_timer *t)
{
	struct head *h = container_of(t, struct head, tick);
	int64_t now = loop_now(h->loop);
	bool beat = now - h->last_beat >= BEAT_MS;

	loop_at(h->loop, t, now + HEAD_TICK_MS);
	if (beat)
		h->last_beat = now;
	door_tick(&h->door, now);
	for (uint32_t i = 1; i <= h->count && !h->ending; i++)
		look_after_node(h->node[i], now, beat);
	feed_tick(&h->feed, now);
	if (now - h->last_check >= PLAN_CHECK_MS) {
		h->last_check = now;
		head_chain_check(h, now);
	}
	maybe_start(h, now);
	maybe_end(h, now);
}

/* ---- streams */

int head_append(struct head *h, const void *bytes, uint32_t len)
{
	struct hash hash = hash_bytes(bytes, len);
	struct map *m = h->map;
	uint64_t offset = m->count ? m->end[m->count - 1] : 0;
	int err = rstore_write(h->store, (int64_t)offset, bytes, len);

	if (!err)
		err = map_append(m, m->count, offset, len, &hash);
	if (err)
		return err;
	map_set(m, m->count - 1);
	h->plan.node[PLAN_HEAD].bytes = m->have_bytes;
	feed_kick(&h->feed);
	return 0;
}

void head_end_stream(struct head *h)
{
	struct map *m = h->map;

	if (map_finish_stream(m, m->have_bytes, m->count, NULL) < 0)
		return;
	for (uint32_t i = 1; i <= h->count; i++)
		send_total(h->node[i]);
}

/* ---- begin and end */

/* A session is known by what it brings, so that a head that was started anew goes on where it was. */
static void name_session(struct head *h)
{
	cleanup_buf struct buf b = { 0 };
	struct hash name;

	if (h->map->stream) {
		wire_random(h->session, WIRE_SESSION);
		return;
	}
	buf_add(&b, h->map->root.b, HASH_SIZE);
	buf_str(&b, h->options.target ? h->options.target : "");
	name = hash_bytes(buf_cstr(&b), b.len);
	memcpy(h->session, name.b, WIRE_SESSION);
}

/* A node was right: the source is not any more what was read from it first. Nobody can get it from anywhere. */
static void on_spoiled(struct feed *f, uint32_t chunk)
{
	struct head *h = container_of(f, struct head, feed);
	char why[100];

	snprintf(why, sizeof(why), "the image has changed since it was read first (chunk %u)", chunk);
	head_abort(h, why);
}

int head_open(struct head *h, struct loop *l, const struct head_options *o, struct map *map, struct rstore *store,
	      const struct head_calls *calls, void *owner, struct failure *f)
{
	int err;

	*h = (struct head){ .loop = l, .options = *o, .map = map, .store = store, .calls = calls, .owner = owner };
	h->udp.fd = -1;
	h->tick.fire = on_tick;
	h->feed = (struct feed){ .loop = l, .map = map, .store = store, .spoiled = on_spoiled };
	err = door_open(&h->door, l, o->port ? o->port : WIRE_PORT, MAX_GUESTS, on_knock);
	if (err == -EADDRINUSE && !o->port)
		err = door_open(&h->door, l, 0, MAX_GUESTS, on_knock);
	if (!err)
		err = plan_resize(&h->plan, 0);
	if (!err && o->wanted) {
		h->udp = (struct loop_fd){ .fd = l->world->datagrams(l, WIRE_PORT, true), .ready = on_announcement };
		err = h->udp.fd < 0 ? h->udp.fd : loop_add(l, &h->udp, EPOLLIN);
	}
	if (err) {
		head_close(h);
		return fail(f, FAIL_SRV_ERROR, err, "listening: %s", err_text(err));
	}
	h->plan.node[PLAN_HEAD].bytes = map->have_bytes;
	h->plan.fanout = o->fanout;
	name_session(h);
	return 0;
}

void head_begin(struct head *h)
{
	h->begun = loop_now(h->loop);
	loop_at(h->loop, &h->tick, h->begun);
}

void head_start_now(struct head *h)
{
	h->options.wanted = 0;
	h->options.start_ms = 1;
}

void head_abort(struct head *h, const char *why)
{
	if (h->ending)
		return;
	head_note(h, "giving up: %s", why);
	begin_ending(h, why);
	h->result = -ECANCELED;
	loop_at(h->loop, &h->tick, loop_now(h->loop));
}

void head_close(struct head *h)
{
	loop_forget(h->loop, &h->tick);
	door_close(&h->door);
	for (uint32_t i = 1; i <= h->count; i++) {
		link_close(&h->node[i]->control);
		link_close(&h->node[i]->push);
		free(h->node[i]->also);
		loop_free_later(h->loop, h->node[i]);
	}
	free(h->node);
	h->node = NULL;
	h->count = 0;
	feed_close(&h->feed);
	loop_close_fd(h->loop, &h->udp);
	plan_free(&h->plan);
}
