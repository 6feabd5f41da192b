/* asked.c - server: -> the addresses of servers that are told of this node directly, besides everybody by broadcast. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/asked.h"

#include "base/clock.h"
#include "methods/retrieve/url.h"

#define RESOLVE_MS 10000

static int add(struct peer_address **list, size_t *count, const struct peer_address *found, size_t n, struct failure *f)
{
	struct peer_address *more = realloc(*list, (*count + n) * sizeof(*more));

	if (!more)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the addresses of server:");
	*list = more;
	memcpy(more + *count, found, n * sizeof(*found));
	*count += n;
	return 0;
}

static int add_host(const struct fetch *f, const char *text, size_t len, struct peer_address **list, size_t *count)
{
	cleanup_free char *host = NULL;
	struct peer_address *found;
	uint16_t port;
	size_t n;
	int err = host_parse(text, len, &host, &port);

	if (err == -EINVAL)
		return fail(f->fail, FAIL_CMD_BAD_VALUE, err, "server:%.*s is neither a name nor an address", (int)len,
			    text);
	if (err)
		return fail(f->fail, FAIL_SYS_INTERNAL, err, "no memory for the name of a server");
	err = net_resolve(f->net, host, 0, now_ms() + RESOLVE_MS, &found, &n, f->fail);
	if (err)
		return err;
	err = add(list, count, found, n, f->fail);
	free(found);
	return err;
}

int asked_find(const struct fetch *f, struct peer_address **list, size_t *count)
{
	const char *rest = f->options->value[KEY_SERVER];
	int err = 0;

	*list = NULL;
	*count = 0;
	while (rest && err != -EINVAL && err != -ENOMEM) {
		size_t len = strcspn(rest, "+");

		err = add_host(f, rest, len, list, count);
		rest = rest[len] ? rest + len + 1 : NULL;
	}
	if (*count && err != -EINVAL)
		return 0;
	free(*list);
	*list = NULL;
	*count = 0;
	return err;
}
