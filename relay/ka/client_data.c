/* client_data.c - the parent's stream -> the store, and the store -> children, in ka's way and in ours. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/client_internal.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define READ_SIZE    (256 * KIB)
#define READ_BUDGET  (4 * MIB)
#define REPORT_OURS  (4 * MIB) /* bytes after which our server is told, or a tick later */
#define REPORT_PLAIN (1 * MIB) /* an original server, where it asked to be */

/* How far the slowest of those who get plain bytes here, the sink included, is behind; where all is kept nobody is. */
static int64_t lag(const struct ka_client *c)
{
	int64_t least = c->sink_begun && !c->store.whole ? MIN(c->sink_at, c->store.end) : c->store.end;

	for (const struct ka_reader *r = c->store.readers; r; r = r->next)
		if (r->started && !c->ours && !c->store.whole)
			least = MIN(least, r->at);
	return c->store.end - least;
}

void kac_report(struct ka_client *c, bool always)
{
	struct ka_up m = { .type = KA_REPORTS_POSITION, .bytes = c->store.end };

	if (!always && m.bytes == c->reported)
		return;
	c->reported = m.bytes;
	kac_send(c, &m, NULL);
}

static void begin_progress(struct ka_client *c)
{
	if (!c->packets++) {
		kac_say(c, "Buffers names :pipe");
		c->flow_begun = c->last_progress = loop_now(c->loop);
	}
}

/* ---- in our way */

static void lost_parent(struct ka_client *c, enum wire_why why)
{
	uint8_t body[1] = { (uint8_t)why };
	struct ka_up m = { .type = KA_UP_OURS, .op = KA_UP_LOST, .length = sizeof(body), .number = c->generation };

	kac_send(c, &m, body);
}

static void on_stored(struct pull *p, uint32_t i)
{
	struct ka_client *c = container_of(p, struct ka_client, pull);

	(void)i;
	begin_progress(c);
	if (ka_store_grown(&c->store, (int64_t)c->map.end[c->map.prefix - 1]) < 0) {
		kac_fail(c, FAIL_SYS_INTERNAL, -ENOMEM, "no memory");
		return;
	}
	feed_kick(&c->feed);
	kac_sink_more(c);
	kac_more_room(c);
	if (c->store.end - c->reported >= REPORT_OURS)
		kac_report(c, false);
	kac_check_total(c);
}

static void on_listed(struct pull *p, uint32_t g)
{
	(void)p;
	(void)g;
}

static void on_bad(struct pull *p, uint32_t i)
{
	kac_say(container_of(p, struct ka_client, pull), "chunk %u came with the wrong hash: not taken", i);
}

static void on_lost(struct pull *p, enum wire_why why)
{
	lost_parent(container_of(p, struct ka_client, pull), why);
}

static void on_store_failed(struct pull *p, int err)
{
	kac_fail(container_of(p, struct ka_client, pull), FAIL_IMG_STORE, err, "keeping the stream: %s", err_text(err));
}

/* Only the next bytes have a place: what the parent claims is not to be believed yet. */
static uint8_t *on_place(struct pull *p, uint64_t offset, uint32_t len)
{
	struct ka_client *c = container_of(p, struct ka_client, pull);

	return offset == (uint64_t)c->store.end && len <= KA_STORE_SLACK ? ka_store_space(&c->store) : NULL;
}

static const struct pull_calls pull_calls = {
	.place = on_place,
	.stored = on_stored,
	.listed = on_listed,
	.bad = on_bad,
	.lost = on_lost,
	.store_failed = on_store_failed,
};

/* Chunks that there is room for are asked for, some at a time. */
static void ask_for_more(struct ka_client *c)
{
	int64_t room = (c->store.window / 2 - lag(c)) / c->map.chunk;
	uint32_t limit = c->map.count + (uint32_t)MAX(room, 0);

	if (limit < c->pull.want_limit + 16 && c->pull.want_limit > c->map.count)
		return;
	if (limit > c->pull.want_limit) {
		c->pull.want_limit = limit;
		pull_more(&c->pull, UINT32_MAX);
	}
}

int kac_begin_ours(struct ka_client *c, uint32_t chunk, int64_t window)
{
	int err;

	if (chunk < 4096 || chunk > 16 * MIB)
		return -EBADMSG;
	err = map_init_stream(&c->map, chunk);
	if (err)
		return err;
	c->store.window = MIN(c->store.window, MAX(window, 4 * MIB));
	c->feed = (struct feed){ .loop = c->loop, .map = &c->map, .store = &c->store.bytes };
	c->pull = (struct pull){ .loop = c->loop,
				 .map = &c->map,
				 .store = &c->store.bytes,
				 .calls = &pull_calls,
				 .node = c->number,
				 .w = { .fd = -1 } };
	memcpy(c->pull.session, c->session, WIRE_SESSION);
	return 0;
}

void kac_fetch_ours(struct ka_client *c, struct in_addr parent, uint16_t port)
{
	struct peer_address a = { .len = sizeof(a.u.in) };

	a.u.in.sin_family = AF_INET;
	a.u.in.sin_addr = parent;
	a.u.in.sin_port = htons(port);
	pull_stop(&c->pull);
	if (c->state != KA_FETCHING)
		return;
	c->pull.node = c->number;
	ask_for_more(c);
	if (pull_from(&c->pull, &a) < 0)
		lost_parent(c, WIRE_WHY_REFUSED);
}

void kac_check_total(struct ka_client *c)
{
	if (!c->total_known || c->state != KA_FETCHING || c->map.count < c->total.count)
		return;
	if (map_finish_stream(&c->map, c->total.size, c->total.count, &c->total.root) < 0) {
		kac_fail(c, FAIL_IMG_CORRUPT, -EBADMSG, "what came is not what the server sent");
		return;
	}
	kac_stream_ended(c);
}

/* ---- in ka's way */

static void close_data(struct ka_client *c)
{
	if (c->data.fd < 0)
		return;
	if (!c->data_paused)
		loop_remove(c->loop, &c->data);
	c->data_paused = false;
	peer_shut(c->loop, c->data.fd);
	c->data.fd = -1;
}

static void lost_dad(struct ka_client *c)
{
	struct ka_up m = { .type = KA_DAD_DISCONNECTED, .ip = c->dad, .bytes = c->store.end };

	close_data(c);
	kac_send(c, &m, NULL);
}

static void read_data(struct ka_client *c)
{
	int64_t budget = READ_BUDGET;

	while (budget > 0 && lag(c) < c->store.window / 2) {
		ssize_t n = peer_read(c->loop, c->data.fd, ka_store_space(&c->store), READ_SIZE);
		int err;

		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			lost_dad(c);
			return;
		}
		begin_progress(c);
		budget -= n;
		err = ka_store_grown(&c->store, c->store.end + n);
		if (err) {
			kac_fail(c, FAIL_IMG_STORE, err, "keeping the stream: %s", err_text(err));
			return;
		}
	}
	kac_sink_more(c);
	if (c->report_always && c->store.end - c->reported > REPORT_PLAIN)
		kac_report(c, false);
	if (lag(c) >= c->store.window / 2) {
		loop_remove(c->loop, &c->data);
		c->data_paused = true;
	}
}

static void on_data(struct loop_fd *w, uint32_t events)
{
	struct ka_client *c = container_of(w, struct ka_client, data);

	if (c->data_connecting) {
		if (peer_error(c->loop, w->fd) < 0) {
			lost_dad(c);
			return;
		}
		c->data_connecting = false;
		loop_change(c->loop, w, EPOLLIN);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_data(c);
}

void kac_fetch_plain(struct ka_client *c, struct in_addr dad)
{
	struct peer_address a = { .len = sizeof(a.u.in) };

	a.u.in.sin_family = AF_INET;
	a.u.in.sin_addr = dad;
	a.u.in.sin_port = htons(c->options.data_port);
	close_data(c);
	c->dad = dad;
	c->data = (struct loop_fd){ .fd = peer_connect(c->loop, &a), .ready = on_data };
	c->data_connecting = true;
	c->stage_since = loop_now(c->loop);
	if (c->data.fd < 0 || loop_add(c->loop, &c->data, EPOLLIN | EPOLLOUT) < 0)
		lost_dad(c);
}

void kac_stream_ended(struct ka_client *c)
{
	c->state = KA_DRAINING;
	c->flow_ended = loop_now(c->loop);
	close_data(c);
	pull_stop(&c->pull);
	if (c->ours)
		kac_report(c, true);
	kac_say(c, "End of data flow");
	kac_say(c, "Flushing buffers");
	ka_store_end(&c->store);
	kac_sink_more(c);
	kac_maybe_finished(c);
}

void kac_more_room(struct ka_client *c)
{
	if (c->state != KA_FETCHING)
		return;
	if (c->ours) {
		ask_for_more(c);
		return;
	}
	if (c->data_paused && lag(c) < c->store.window / 4 && loop_add(c->loop, &c->data, EPOLLIN) == 0)
		c->data_paused = false;
}

/* ---- children */

static void child_moved(struct ka_reader *r)
{
	kac_more_room(r->owner);
}

static void child_done(struct ka_reader *r, int err)
{
	struct ka_client *c = r->owner;

	if (r->started)
		kac_say(c, "Dropping client %s", inet_ntoa(r->ip));
	if (err)
		log_debug("ka: child %s: %s", inet_ntoa(r->ip), err_text(err));
	loop_at(c->loop, &c->tick, loop_now(c->loop));
}

static void say_got_client(struct ka_client *c, struct in_addr child)
{
	struct ka_up m = { .type = KA_GOT_CLIENT, .ip = child };

	kac_send(c, &m, NULL);
}

/* Tells the server of a child. An original server does not survive one that it did not place here, so strangers get
 * some time to go away first, and before we have a place ourselves nobody can have been placed below us. */
static void report_child(struct ka_client *c, struct ka_reader *r, int64_t now)
{
	if (r->told || r->started || r == c->to_command)
		return;
	if (!c->ours && (ka_client_is_early(c->state) || now - r->since < KA_STRANGER_TIME))
		return;
	r->told = true;
	say_got_client(c, r->ip);
}

static void on_ours(struct ka_door *d, struct link *l, const struct wire_get *g)
{
	struct ka_client *c = container_of(d, struct ka_client, door);

	if (c->ours && memcmp(g->session, c->session, WIRE_SESSION) == 0 && feed_adopt(&c->feed, l, g) < 0)
		log_warn("ka: no memory for child %u", g->node);
}

static void on_silent(struct ka_door *d, int fd, struct in_addr ip)
{
	struct ka_client *c = container_of(d, struct ka_client, door);
	struct ka_reader *r;

	if (!ka_client_is_in(c->state)) {
		peer_shut(c->loop, fd);
		return;
	}
	kac_say(c, "Accepting connection from %s, socket = %d", inet_ntoa(ip), fd);
	kac_say(c, "Got new data connection, awaiting server auth...");
	r = ka_reader_add(&c->store, fd, c, child_done);
	if (!r)
		return;
	r->ip = ip;
	r->moved = child_moved;
	report_child(c, r, r->since);
}

static const struct ka_door_calls door_calls = { .ours = on_ours, .silent = on_silent };

void kac_authorise(struct ka_client *c, struct in_addr child, int64_t at)
{
	struct ka_reader *r = ka_reader_find(&c->store, child, false);

	if (!r)
		return;
	if (ka_reader_start(r, at) < 0) {
		kac_say(c, "Error : client wants data i do not have !");
		ka_reader_drop(r);
		return;
	}
	kac_say(c, "Welcome son, you are number %u (MAX %d)", kac_plain_children(c), 4);
	say_got_client(c, child);
}

void kac_drop_child(struct ka_client *c, struct in_addr child)
{
	struct ka_reader *r;

	while ((r = ka_reader_find(&c->store, child, true)) || (r = ka_reader_find(&c->store, child, false))) {
		kac_say(c, "Dropping client %s", inet_ntoa(child));
		ka_reader_drop(r);
	}
	kac_more_room(c);
}

unsigned kac_plain_children(const struct ka_client *c)
{
	unsigned count = 0;

	for (const struct ka_reader *r = c->store.readers; r; r = r->next)
		count += r->started && r != c->to_command;
	return count;
}

/* ---- time, begin and end */

void kac_data_tick(struct ka_client *c, int64_t now, bool late)
{
	for (struct ka_reader *r = c->store.readers, *next; r; r = next) {
		next = r->next;
		report_child(c, r, now);
		if (!r->started && r != c->to_command && now - r->since > KA_CHILD_TIME)
			ka_reader_drop(r);
	}
	if (c->data.fd >= 0 && c->data_connecting && now - c->stage_since > KA_DATA_TIME)
		lost_dad(c);
	if (!c->ours)
		return;
	feed_tick(&c->feed, now);
	kac_report(c, false);
	/* after a stop of our own, silence says nothing about others */
	if (pull_is_open(&c->pull) && late)
		c->pull.heard = now;
	if (pull_is_open(&c->pull) && now - c->pull.heard > KA_PARENT_SILENT) {
		pull_stop(&c->pull);
		lost_parent(c, WIRE_WHY_SILENT);
	}
}

/* An eighth of the memory, 64 MiB at most. */
static int64_t default_window(void)
{
	struct sysinfo info;
	int64_t memory = 512 * MIB;

	if (sysinfo(&info) == 0)
		memory = (int64_t)info.totalram * info.mem_unit;
	return MAX(8 * MIB, MIN(64 * MIB, memory / 8));
}

int kac_open_data(struct ka_client *c, struct failure *f)
{
	int64_t window = c->options.window ? c->options.window : default_window();
	int err = ka_store_open(&c->store, c->loop, window, f);

	if (err)
		return err;
	c->store_open = true;
	if (c->options.go)
		return 0;
	err = ka_door_open(&c->door, c->loop, c->options.data_port, &door_calls);
	if (err == -EADDRINUSE) {
		kac_say(c, "port %u is in use here: only our own clients can be fed", c->options.data_port);
		err = ka_door_open(&c->door, c->loop, 0, &door_calls);
	}
	if (err)
		return fail(f, FAIL_SRV_ERROR, err, "bind: port %u: %s", c->options.data_port, err_text(err));
	return 0;
}

void kac_close_data(struct ka_client *c)
{
	close_data(c);
	pull_free(&c->pull);
	feed_close(&c->feed);
	ka_door_close(&c->door);
	if (c->store_open)
		ka_store_close(&c->store);
	c->store_open = false;
	map_free(&c->map);
}
