/* dolly_classic.c - listed nodes that run an original dolly -> a chain of them, served by their own protocol. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

#define SETTLE_MS   1500 /* after the first original is found, for programs of ours to show up */
#define TICK_MS     250
#define PATIENCE_MS 120000

/* One chain of originals is served: the first of them that answers, then all that do not speak the extension, in the
 * order of the list. Whoever among them turns out to be one of ours speaks the published protocol too. A probe of the
 * data port would be taken for a parent by an original, so only the connection that is used is ever made. */
struct classic {
	struct loop *loop;
	struct head *head;
	const struct dolly_conf *conf;
	struct rstore *store;
	int64_t size;
	const char *password;
	int64_t patience;
	struct loop_timer timer;
	struct dolly_down down;
	uint32_t candidate; /* whose data port is being tried; 0: nobody's */
	uint32_t *chain;    /* node numbers, in order */
	bool *ready;
	size_t length;
	int64_t found_at;
	bool told;
};

/* Did N refuse the extension's port after SINCE? */
static bool refuses(const struct head_node *n, int64_t since)
{
	return n->state == HEAD_EXPECTED && !n->elsewhere && n->refused_at > since;
}

static void end_all(struct classic *c, int err, const char *why)
{
	for (size_t i = 0; i < c->length; i++) {
		struct head_node *n = c->head->node[c->chain[i]];

		if (!err)
			head_set_elsewhere(c->head, n, 0, NULL);
		else if (n->state != HEAD_FAILED)
			head_set_elsewhere(c->head, n, err, why);
	}
	loop_at(c->loop, &c->timer, 0);
}

/* ---- what the first original says */

static void on_found(struct dolly_down *d)
{
	struct classic *c = d->owner;

	c->found_at = now_ms();
	log_info("%s listens on dolly's data port", c->head->node[c->candidate]->name);
}

static void on_line(struct dolly_down *d, const char *text, size_t len)
{
	struct classic *c = d->owner;
	char name[256];
	size_t ready = 0;

	if (!dolly_line_ready(text, len, name, sizeof(name)))
		return;
	for (size_t i = 0; i < c->length; i++) {
		if (streq(c->head->node[c->chain[i]]->name, name))
			c->ready[i] = true;
		ready += c->ready[i];
	}
	if (ready == c->length)
		dolly_down_feed(d, c->size, c->size);
}

static void on_acknowledged(struct dolly_down *d, uint64_t bytes)
{
	struct classic *c = d->owner;

	if (bytes == (uint64_t)c->size)
		end_all(c, 0, NULL);
	else
		end_all(c, -EIO, "the chain acknowledged another number of bytes");
}

/* Why the chain broke, node by node: those that never got ready are named as such. */
static void on_failed(struct dolly_down *d, int err, const char *why)
{
	struct classic *c = d->owner;

	if (!c->told) { /* nobody there (any more): the next one is tried */
		c->head->node[c->candidate]->refused = 0;
		c->found_at = c->candidate = 0;
		loop_at(c->loop, &c->timer, now_ms() + TICK_MS);
		return;
	}
	for (size_t i = 0; i < c->length; i++)
		if (!c->ready[i])
			head_set_elsewhere(c->head, c->head->node[c->chain[i]], err, "it never said that it was ready");
	end_all(c, err, why);
}

static const struct dolly_down_calls calls = {
	.found = on_found,
	.line = on_line,
	.acknowledged = on_acknowledged,
	.failed = on_failed,
};

/* ---- finding and forming the chain */

static void try_data_port(struct classic *c, struct head_node *n)
{
	c->candidate = n->number;
	c->down = (struct dolly_down){ .loop = c->loop,
				       .store = c->store,
				       .calls = &calls,
				       .owner = c,
				       .address = n->address,
				       .password = c->password,
				       .patience = 2000,
				       .once = true };
	c->down.family = c->conf->old_form && !c->password ? DOLLY_OLD : DOLLY_NEW;
	dolly_down_begin(&c->down);
}

/* Everybody who does not speak the extension by now, the one that was found first. */
static int form_chain(struct classic *c, struct dolly_conf *conf)
{
	uint32_t count = c->head->count;

	*conf = *c->conf;
	conf->host = NULL;
	conf->hosts = 0;
	c->chain = calloc(count + 1, sizeof(*c->chain));
	c->ready = calloc(count + 1, sizeof(*c->ready));
	if (!c->chain || !c->ready)
		return -ENOMEM;
	c->chain[c->length++] = c->candidate;
	for (uint32_t i = 1; i <= count; i++)
		if (i != c->candidate && refuses(c->head->node[i], c->found_at))
			c->chain[c->length++] = i;
	for (size_t i = 0; i < c->length; i++) {
		struct head_node *n = c->head->node[c->chain[i]];

		if (dolly_conf_add_host(conf, n->name, strlen(n->name)) < 0)
			return -ENOMEM;
		head_set_elsewhere(c->head, n, 1, "");
	}
	return 0;
}

static void tell(struct classic *c)
{
	cleanup_buf struct buf text = { 0 };
	struct dolly_conf conf;
	int err = form_chain(c, &conf);

	c->told = true;
	c->down.deadline = now_ms() + c->patience;
	if (!err)
		err = dolly_conf_write(&conf, c->down.family == DOLLY_OLD, 0, &text);
	for (size_t i = 0; i < conf.hosts; i++)
		free(conf.host[i]);
	free(conf.host);
	if (!err && text.len > DOLLY_TEXT)
		err = -E2BIG;
	if (!err)
		err = dolly_down_tell(&c->down, text.data, text.len);
	if (err) {
		dolly_down_close(&c->down);
		end_all(c, err,
			err == -E2BIG ? "originals take no configuration of more than 4095 bytes" : err_text(err));
	}
}

static void on_timer(struct loop_timer *t)
{
	struct classic *c = container_of(t, struct classic, timer);
	int64_t now = now_ms();

	if (c->told) {
		for (size_t i = 0; i < c->length; i++)
			if (!c->ready[i] && now > c->down.deadline) {
				dolly_down_close(&c->down);
				on_failed(&c->down, -ETIMEDOUT, "a node behind or before it never got ready");
				return;
			}
		loop_at(c->loop, t, now + TICK_MS);
		return;
	}
	loop_at(c->loop, t, now + TICK_MS);
	if (c->found_at && now < c->found_at + SETTLE_MS)
		return;
	if (c->found_at && refuses(c->head->node[c->candidate], c->found_at)) {
		tell(c);
		return;
	}
	if (c->found_at) { /* one of ours that had just begun to listen */
		dolly_down_close(&c->down);
		c->found_at = c->candidate = 0;
	}
	for (uint32_t i = c->candidate + 1; i <= c->head->count && !c->candidate; i++) {
		if (refuses(c->head->node[i], now - 1000) && c->head->node[i]->refused >= 2) {
			try_data_port(c, c->head->node[i]);
			return;
		}
	}
}

void classic_refused(struct classic *c, struct head_node *n)
{
	n->refused++;
	n->refused_at = now_ms();
	if (c && !c->timer.at && !c->told)
		loop_at(c->loop, &c->timer, now_ms() + TICK_MS);
}

struct classic *classic_open(struct loop *l, struct head *h, const struct dolly_conf *conf, struct rstore *store,
			     int64_t size, const char *password, int64_t patience_ms)
{
	struct classic *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct classic){ .loop = l, .head = h, .conf = conf, .store = store, .size = size, .password = password };
	c->patience = patience_ms ? patience_ms : PATIENCE_MS;
	c->timer.fire = on_timer;
	return c;
}

void classic_close(struct classic *c)
{
	if (!c)
		return;
	loop_forget(c->loop, &c->timer);
	dolly_down_close(&c->down);
	free(c->chain);
	free(c->ready);
	free(c);
}
