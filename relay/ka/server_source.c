/* server_source.c - the source command's output -> chunks in the store, as fast as the slowest client allows. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/server_internal.h"

#include <stdio.h>
#include <unistd.h>

#define MIN_CHUNK   (64 * KIB)
#define READ_BUDGET (4 * MIB)

void ka_source_read(struct ka_server *s, bool reading)
{
	if (reading == s->reading || s->pipe.fd < 0)
		return;
	s->reading = reading;
	if (!reading)
		loop_remove(s->loop, &s->pipe);
	else if (loop_add(s->loop, &s->pipe, EPOLLIN) < 0)
		ka_server_abort(s, "no room to wait for the source");
}

static void complete(struct ka_server *s)
{
	if (map_finish_stream(&s->map, s->store.end, s->map.count, NULL) < 0) {
		ka_server_abort(s, "the stream's map does not hold");
		return;
	}
	s->complete = true;
	s->flow_ended = loop_now(s->loop);
	ka_say(s, "End of data flow");
	ka_say(s, "Dropping children");
	for (uint32_t i = 1; i < s->places; i++)
		if (ka_peer_is_fed(s->member[i]))
			ka_peer_send_total(s->member[i]);
	ka_store_end(&s->store);
	ka_server_look(s);
}

static void maybe_complete(struct ka_server *s)
{
	if (s->pipe_ended && s->source_ended && !s->complete && !s->ending)
		complete(s);
}

/* The next LEN bytes of the stream are in their place: makes a chunk of them. 0 or -errno. */
static int append(struct ka_server *s, size_t len)
{
	struct hash h = hash_bytes(ka_store_space(&s->store), len);
	uint64_t offset = (uint64_t)s->store.end;
	int err = map_append(&s->map, s->map.count, offset, (uint32_t)len, &h);

	if (err)
		return err;
	s->packets++;
	map_set(&s->map, s->map.count - 1);
	s->place[KA_ROOT].position = (int64_t)offset + (int64_t)len;
	feed_kick(&s->feed);
	return ka_store_grown(&s->store, (int64_t)offset + (int64_t)len);
}

static void pipe_end(struct ka_server *s)
{
	ka_source_read(s, false);
	base_close_fd(&s->pipe.fd);
	s->pipe_ended = true;
	maybe_complete(s);
}

/* A chunk is what takes about a four-hundredth of a second, so that a long chain fills quickly. */
static size_t chunk_size(const struct ka_server *s)
{
	int64_t ms = loop_now(s->loop) - s->flow_begun, slowest = ka_server_read_limit(s) - ka_server_span(s);

	if (ms < 200)
		return MIN_CHUNK;
	return (size_t)MAX(MIN_CHUNK, MIN(KA_CHUNK_MAX, slowest * 5 / 2 / ms / (int64_t)KIB * (int64_t)KIB));
}

static void on_pipe(struct loop_fd *w, uint32_t events)
{
	struct ka_server *s = container_of(w, struct ka_server, pipe);
	int64_t limit = ka_server_read_limit(s), budget = READ_BUDGET;
	size_t size = chunk_size(s);

	(void)events;
	while (budget > 0 && s->store.end < limit) {
		ssize_t n = read(w->fd, ka_store_space(&s->store), (size_t)MIN((int64_t)size, limit - s->store.end));
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			pipe_end(s);
			return;
		}
		budget -= n;
		err = append(s, (size_t)n);
		if (err) {
			ka_server_abort(s, err == -ENOMEM ? "no memory for the stream" : "the stream cannot be kept");
			return;
		}
	}
	if (s->store.end >= limit)
		ka_source_read(s, false);
}

static void on_source_ended(struct ka_command *c, int err, const char *why)
{
	struct ka_server *s = container_of(c, struct ka_server, source);
	char text[200];

	s->source_ended = true;
	if (err) {
		snprintf(text, sizeof(text), "the source command %s", why);
		ka_server_abort(s, text);
		return;
	}
	if (*why)
		ka_say(s, "Warning: the source command %s", why);
	maybe_complete(s);
}

void ka_source_begin(struct ka_server *s)
{
	struct failure f = { 0 };

	ka_say(s, "Let's go!");
	s->flowing = true;
	s->flow_begun = s->last_progress = loop_now(s->loop);
	s->source.ended = on_source_ended;
	s->pipe = (struct loop_fd){ .fd = -1, .ready = on_pipe };
	if (ka_command_start(&s->source, s->loop, s->options.command, KA_COMMAND_SOURCE, &s->pipe.fd, &f) < 0)
		ka_server_abort(s, f.detail);
	else
		ka_source_read(s, true);
}
