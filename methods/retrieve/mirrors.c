/* mirrors.c - server: -> the mirrors it names, their addresses, and what is known of each. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/mirrors.h"

#include "base/clock.h"
#include "methods/retrieve/url.h"

/* ---- from options */

static int bad_server(const struct fetch *fetch, const char *entry, size_t len)
{
	if (memchr(entry, '@', len))
		return fail(fetch->fail, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "server: takes no login; give it by user: and pass:");
	if (memchr(entry, '/', len))
		return fail(fetch->fail, FAIL_CMD_BAD_VALUE, -EINVAL,
			    "server:%.*s is no HOST or HOST:PORT; the path goes into directory: and image:", (int)len,
			    entry);
	return fail(fetch->fail, FAIL_CMD_BAD_VALUE, -EINVAL, "server:%.*s is no HOST, HOST:PORT or [IPV6]:PORT",
		    (int)len, entry);
}

/* server:a+b:8080+[fe80::1]:80 - mirrors in order. */
static int read_servers(struct mirrors *all, const char *scheme, uint16_t port)
{
	const char *entry = all->fetch->options->value[KEY_SERVER];

	if (!entry)
		return fail(all->fetch->fail, FAIL_CMD_MISSING, -EINVAL, "server: the %s server that has the image",
			    scheme);
	for (;;) {
		struct mirror *more = realloc(all->list, (all->count + 1) * sizeof(*more)), *m;
		size_t len = strcspn(entry, "+");
		int err;

		if (!more)
			return -ENOMEM;
		all->list = more;
		m = &more[all->count];
		*m = (struct mirror){ 0 };
		err = host_parse(entry, len, &m->host, &m->port);
		if (err == -EINVAL)
			return bad_server(all->fetch, entry, len);
		if (err)
			return err;
		all->count++;
		if (!m->port)
			m->port = port;
		if (!entry[len])
			return 0;
		entry += len + 1;
	}
}

int mirrors_read(struct mirrors *all, const struct fetch *fetch, const struct protocol *p)
{
	int64_t port;

	*all = (struct mirrors){ .fetch = fetch };
	all->proxied = p->proxies && fetch->options->value[KEY_PROXY_HOST];
	if (options_number(fetch->options, KEY_PORT, 1, 65535, url_default_port(p->scheme), &port, fetch->fail))
		return -EINVAL;
	return read_servers(all, p->scheme, (uint16_t)port);
}

void mirrors_free(struct mirrors *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free(all->list[i].host);
		free(all->list[i].addresses);
		free(all->list[i].spots);
	}
	free(all->list);
	*all = (struct mirrors){ 0 };
}

/* ---- addresses */

static int add_spots(const struct mirrors *all, struct mirror *m)
{
	m->spots = calloc(m->count, sizeof(*m->spots));
	if (!m->spots)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++)
		m->spots[i].place = (struct place){
			.host = m->host, .port = m->port, .address = &m->addresses[i], .proxied = all->proxied
		};
	return 0;
}

int mirror_resolve(const struct mirrors *all, struct mirror *m, int64_t timeout_ms)
{
	const struct options *o = all->fetch->options;
	int64_t port = m->port, deadline = now_ms() + timeout_ms;
	const char *host = all->proxied ? o->value[KEY_PROXY_HOST] : m->host;
	int err;

	if (m->spots)
		return 0;
	m->failure = (struct failure){ 0 };
	if (all->proxied && options_number(o, KEY_PROXY_PORT, 1, 65535, 3128, &port, &m->failure))
		return -EINVAL;
	err = net_resolve(all->fetch->net, host, (uint16_t)port, deadline, &m->addresses, &m->count, &m->failure);
	if (!err && add_spots(all, m))
		err = fail(&m->failure, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for addresses");
	return err;
}

/* ---- how they fare */

size_t mirrors_places_left(const struct mirrors *all)
{
	size_t left = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct mirror *m = &all->list[i];

		left += !m->out && !m->spots;
		for (size_t j = 0; m->spots && j < m->count; j++)
			left += !m->spots[j].out;
	}
	return left;
}

unsigned failure_telling(enum fail_id id)
{
	static const enum fail_id rising[] = {
		FAIL_DNS_NO_SERVER, FAIL_DNS_NO_ANSWER, FAIL_DNS_NO_NAME,   FAIL_SRV_UNREACHABLE, FAIL_SRV_TIMEOUT,
		FAIL_SRV_REFUSED,   FAIL_SRV_PROTOCOL,  FAIL_TLS_REFUSED,   FAIL_TLS_NAME,        FAIL_TLS_TIME,
		FAIL_TLS_TRUST,     FAIL_SRV_REDIRECT,  FAIL_SRV_NOT_FOUND, FAIL_SRV_DENIED,      FAIL_SRV_ERROR,
		FAIL_SRV_STALLED,   FAIL_SRV_SHORT,     FAIL_SRV_CHANGED,   FAIL_IMG_UNKNOWN,     FAIL_IMG_CORRUPT,
		FAIL_IMG_DIGEST,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rising); i++)
		if (id == rising[i])
			return i + 1;
	return id == FAIL_NONE ? 0 : ARRAY_SIZE(rising) + 1;
}

const struct failure *mirrors_worst(const struct mirrors *all)
{
	const struct failure *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct mirror *m = &all->list[i];

		if (failure_telling(m->failure.id) > most)
			most = failure_telling((best = &m->failure)->id);
		for (size_t j = 0; m->spots && j < m->count; j++)
			if (failure_telling(m->spots[j].failure.id) > most)
				most = failure_telling((best = &m->spots[j].failure)->id);
	}
	return best;
}
