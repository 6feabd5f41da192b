/* dolly_chain.c - the head's view of its nodes -> a file that tells other programs who has how much from whom. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define EACH_MS 1000

/* "head", the address of a node, or "-" for nobody. */
static const char *parent_of(const struct head *h, const struct head_node *n, char where[PEER_TEXT])
{
	uint32_t parent = h->plan.node[n->number].parent;

	if (parent == PLAN_HEAD)
		return "head";
	return parent > h->count ? "-" : head_address(h->node[parent], where);
}

static void add_node(struct buf *out, const struct head *h, const struct head_node *n, int64_t size)
{
	double rate = h->plan.node[n->number].rate;
	char where[PEER_TEXT], from[PEER_TEXT];

	if (!n->address.len || n->state == HEAD_DROPPED)
		return;
	buf_printf(out, "node %s %s %s %llu %lld %lld\n", head_address(n, where), parent_of(h, n, from),
		   head_state_name(n->state), (unsigned long long)n->progress.bytes, (long long)MAX(size, 0),
		   (long long)MAX(rate, 0));
}

/* TEXT -> the file PATH, whole. */
static int put(const char *path, const struct buf *text)
{
	cleanup_free char *anew = str_printf("%s.new", path);
	cleanup_close int fd = anew ? open(anew, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	ssize_t n;

	if (fd < 0 || text->failed)
		return -ENOMEM;
	n = write(fd, buf_cstr(text), text->len);
	return n == (ssize_t)text->len && rename(anew, path) == 0 ? 0 : -EIO;
}

void dolly_chain_update(struct dolly_chain *c, const struct head *h, int64_t size, bool now)
{
	cleanup_buf struct buf text = { 0 };

	if (!c->path || (!now && now_ms() - c->last < EACH_MS))
		return;
	c->last = now_ms();
	for (uint32_t i = 1; i <= h->count; i++)
		add_node(&text, h, h->node[i], size);
	if (put(c->path, &text) && !c->told) {
		fprintf(stderr, "dolly: -C %s cannot be written\n", c->path);
		c->told = true;
	}
}
