/* dolly_server.c - configuration + image -> every node has it, or is named. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DRAW_MS 500

struct server {
	const struct dolly_options *options;
	struct dolly_conf conf;
	struct peer_address **host; /* of each of conf.host: [addresses] */
	size_t *addresses;
	size_t hosts;
	struct loop loop;
	struct map map;
	struct rstore store;
	struct head head;
	struct classic *classic;
	struct dolly_screen screen;
	struct dolly_chain chain;
	struct loop_timer draw;
	int64_t begun, finished; /* the transfer, of now_ms() */
	int result;
};

/* ---- what to send, to whom */

static char *read_file(const char *path, size_t *len)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = { 0 };
	char bytes[4096];
	ssize_t n = 0;

	while (fd >= 0 && b.len < (8u << 20) && (n = read(fd, bytes, sizeof(bytes))) > 0)
		buf_add(&b, bytes, (size_t)n);
	if (fd < 0 || n < 0 || b.failed) {
		fprintf(stderr, "dolly: %s: %s\n", path, err_text(errno));
		buf_free(&b);
		return NULL;
	}
	*len = b.len;
	buf_reserve(&b, 1);
	return buf_take(&b);
}

/* "a,b,c", "10.0.0.5-20" or "auto:32" */
static int take_hosts(struct dolly_conf *c, const char *list)
{
	int64_t n;
	int err;

	if (starts_with(list, "auto:") && parse_number(list + 5, 1, 100000, &n) == 0) {
		c->wanted = (uint32_t)n;
		return 0;
	}
	err = dolly_conf_add_hosts(c, list);
	if (err == -EINVAL)
		fprintf(stderr,
			"dolly: -H %s: names and addresses with commas between them are wanted, as in "
			"node1,10.0.0.5-20\n",
			list);
	return err;
}

static int replace(char **to, const char *by)
{
	if (!by)
		return 0;
	free(*to);
	*to = strdup(by);
	return *to ? 0 : -ENOMEM;
}

static int configure(struct server *s)
{
	const struct dolly_options *o = s->options;
	char error[200];
	size_t len;

	s->conf = (struct dolly_conf){ .fanout = 1 };
	if (o->config) {
		cleanup_free char *text = read_file(o->config, &len);

		if (!text)
			return -EINVAL;
		if (dolly_conf_parse(&s->conf, text, len, error, sizeof(error)) < 0) {
			fprintf(stderr, "dolly: %s: %s\n", o->config, error);
			return -EINVAL;
		}
	}
	if (replace(&s->conf.infile, o->infile) < 0 || replace(&s->conf.outfile, o->outfile) < 0 ||
	    (!s->conf.outfile && replace(&s->conf.outfile, s->conf.infile) < 0))
		return -ENOMEM;
	if (o->hosts && take_hosts(&s->conf, o->hosts) < 0)
		return -EINVAL;
	if (s->conf.in_compressed && s->conf.out_compressed) /* unpacked and packed again: the same as it is */
		s->conf.in_compressed = s->conf.out_compressed = false;
	if (!s->conf.infile || !s->conf.outfile || (!s->conf.hosts && !s->conf.wanted)) {
		fprintf(stderr, "dolly: a server needs -f FILE, or -I and -H. Try dolly -h.\n");
		return -EINVAL;
	}
	return 0;
}

/* One more host, known by name and address; twice the same machine is a slip. */
static int take_addresses(struct server *s, const char *name, struct peer_address *a, size_t count)
{
	for (size_t i = 0; i < s->hosts; i++) {
		if (!peer_same_host(s->host[i], a))
			continue;
		fprintf(stderr, "dolly: %s and %s are the same machine: list it once\n", name, s->conf.host[i]);
		free(a);
		return -EINVAL;
	}
	s->addresses[s->hosts] = count;
	s->host[s->hosts++] = a;
	return 0;
}

/* Names become addresses before anything else: a slip in the list is said at once. */
static int resolve_hosts(struct server *s)
{
	char error[300];
	int bad = 0, err = 0;

	s->host = calloc(s->conf.hosts + 1, sizeof(*s->host));
	s->addresses = calloc(s->conf.hosts + 1, sizeof(*s->addresses));
	if (!s->host || !s->addresses)
		return -ENOMEM;
	for (size_t i = 0; i < s->conf.hosts && !err; i++) {
		cleanup_free char *name = dolly_conf_reach(&s->conf, s->conf.host[i]);
		struct peer_address *a;
		size_t count;

		if (!name)
			return -ENOMEM;
		if (dolly_resolve_all(name, s->options->port, &a, &count, error, sizeof(error)) == 0) {
			if (!bad)
				err = take_addresses(s, s->conf.host[i], a, count);
			else
				free(a);
			continue;
		}
		fprintf(stderr, "dolly: %s\n", error);
		bad++;
	}
	if (s->conf.clients && s->conf.clients != s->conf.hosts)
		fprintf(stderr, "dolly: warning: \"clients %zu\", but %zu names follow: all %zu are served\n",
			s->conf.clients, s->conf.hosts, s->conf.hosts);
	return bad ? -ENOENT : err;
}

static int add_hosts(struct server *s)
{
	for (size_t i = 0; i < s->hosts; i++) {
		struct head_node *n = head_add(&s->head, s->host[i], s->conf.host[i]);

		if (!n)
			return -ENOMEM;
		for (size_t k = 1; k < s->addresses[i]; k++)
			if (head_also(n, &s->host[i][k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

/* Hashes the whole image: the session's root is known before a byte is sent. */
static int hash_image(struct server *s, struct failure *f)
{
	size_t room = MAX((size_t)s->map.chunk, (size_t)(1 << 20));
	int64_t said = now_ms();
	cleanup_free uint8_t *bytes = malloc(room);
	int err = bytes ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < s->map.count && !err;) {
		uint32_t n = MIN((uint32_t)(room / s->map.chunk), s->map.count - i);
		size_t len = 0;

		for (uint32_t k = 0; k < n; k++)
			len += map_length(&s->map, i + k);
		err = rstore_read(&s->store, (int64_t)map_offset(&s->map, i), bytes, len);
		for (uint32_t k = 0; k < n && !err; k++) {
			struct hash h = hash_bytes(bytes + (size_t)k * s->map.chunk, map_length(&s->map, i + k));

			map_set_hash(&s->map, i + k, &h);
			map_set(&s->map, i + k);
		}
		i += n;
		if (!s->options->quiet && now_ms() - said > 2000) {
			said = now_ms();
			fprintf(stderr, "reading %s to know its checksums: %lld of %lld MB\n", s->conf.infile,
				(long long)(s->map.have_bytes / 1000000), (long long)(s->map.size / 1000000));
		}
		if (dolly_stop_signal)
			err = -ECANCELED;
	}
	if (err)
		return fail(f, FAIL_SRV_ERROR, err, "%s: reading near byte %lld: %s", s->conf.infile,
			    (long long)s->map.have_bytes, err_text(err));
	if (s->map.size == 0)
		fprintf(stderr, "dolly: warning: %s is empty: the nodes get an empty file\n", s->conf.infile);
	map_seal(&s->map);
	return 0;
}

static int open_image(struct server *s, struct failure *f)
{
	int64_t size;
	int err = rstore_open_source(&s->store, s->conf.infile, s->conf.in_split, &size, f);

	if (!err && s->conf.out_compressed)
		err = dolly_pack(&s->store, &size, f);
	if (err)
		return err;
	err = map_init_fixed(&s->map, size, map_chunk_size(size, MAX((uint32_t)s->conf.hosts, s->conf.wanted)), NULL, 0,
			     NULL);
	return err < 0 ? fail(f, FAIL_SYS_INTERNAL, err, "%s", err_text(err)) : hash_image(s, f);
}

/* ---- while it runs */

static void on_note(struct head *h, const char *line)
{
	struct server *s = h->owner;

	if (s->options->verbose)
		dolly_screen_note(&s->screen, line);
}

static void on_changed(struct head *h, struct head_node *n)
{
	struct server *s = h->owner;
	char line[200];

	if (!s->options->verbose || (n->state != HEAD_READY && n->state != HEAD_DONE))
		return;
	snprintf(line, sizeof(line), "%s %s", n->name, n->state == HEAD_DONE ? "has everything, verified" : "is ready");
	dolly_screen_note(&s->screen, line);
}

static void on_refused(struct head *h, struct head_node *n)
{
	struct server *s = h->owner;

	classic_refused(s->classic, n);
}

static void on_ended(struct head *h, int err)
{
	struct server *s = h->owner;

	s->finished = h->ended_at;
	loop_stop(&s->loop, err);
}

static void on_draw(struct loop_timer *t)
{
	struct server *s = container_of(t, struct server, draw);

	if (dolly_stop_signal)
		head_abort(&s->head, "the server was told to stop");
	dolly_screen_update(&s->screen, &s->head, s->map.size, false);
	dolly_chain_update(&s->chain, &s->head, s->map.size, false);
	loop_at(&s->loop, t, now_ms() + DRAW_MS);
}

static const struct head_calls calls = {
	.note = on_note, .changed = on_changed, .refused = on_refused, .ended = on_ended
};

static void summarise(struct server *s)
{
	cleanup_buf struct buf text = { 0 };
	int64_t begun = s->head.started_at ? s->head.started_at : s->head.begun;

	dolly_screen_update(&s->screen, &s->head, s->map.size, true);
	dolly_chain_update(&s->chain, &s->head, s->map.size, true);
	dolly_screen_summary(&s->head, s->map.size, s->finished - begun, &text);
	if (!s->options->quiet || s->result)
		fputs(buf_cstr(&text), stderr);
	if (s->options->log) {
		int fd = open(s->options->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

		if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
			fprintf(stderr, "dolly: %s: %s\n", s->options->log, err_text(errno));
		base_close_fd(&fd);
	}
}

static int serve(struct server *s, struct failure *f)
{
	const struct dolly_options *o = s->options;
	struct head_options h = {
		.group = "dolly",
		.password = o->password,
		.target = s->conf.outfile,
		.job_flags = (s->conf.in_compressed ? WIRE_JOB_UNPACK : 0) | (o->no_sync ? WIRE_JOB_NO_SYNC : 0),
		.split = s->conf.out_split,
		.port = o->port,
		.wanted = s->conf.wanted,
		.start_ms = o->start_s * 1000,
		.give_up_ms = o->timeout_s * 1000,
		.stall_ms = o->timeout_s * 1000,
		.return_ms = o->return_s * 1000,
		.fanout = s->conf.fanout,
	};
	int err = loop_open(&s->loop);

	if (err)
		return fail(f, FAIL_SYS_INTERNAL, err, "epoll: %s", err_text(err));
	err = head_open(&s->head, &s->loop, &h, &s->map, &s->store, &calls, s, f);
	if (err)
		return err;
	err = add_hosts(s);
	s->classic =
		classic_open(&s->loop, &s->head, &s->conf, &s->store, s->map.size, o->password, o->timeout_s * 1000);
	if (!err && s->classic) {
		dolly_screen_open(&s->screen, o->quiet);
		s->chain.path = o->chain;
		s->draw.fire = on_draw;
		loop_at(&s->loop, &s->draw, now_ms() + DRAW_MS);
		head_begin(&s->head);
		err = s->result = loop_run(&s->loop);
		summarise(s);
	}
	classic_close(s->classic);
	head_close(&s->head);
	loop_close(&s->loop);
	return err;
}

int dolly_server(const struct dolly_options *o)
{
	struct server s = { .options = o };
	struct failure f = { 0 };
	int err = configure(&s);

	dolly_catch_signals();
	if (!err)
		err = resolve_hosts(&s);
	if (!err && o->wake)
		dolly_wake(s.host, s.hosts);
	if (!err)
		err = open_image(&s, &f);
	if (!err)
		err = serve(&s, &f);
	for (size_t i = 0; i < s.hosts; i++)
		free(s.host[i]);
	free(s.host);
	free(s.addresses);
	rstore_close(&s.store, true);
	map_free(&s.map);
	dolly_conf_free(&s.conf);
	return dolly_stop_signal ? 128 + dolly_stop_signal : err < 0 ? 1 : 0;
}
