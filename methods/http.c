/* http.c - methods http and https: server:, directory:, image: -> the file by HTTP/1.1, bare or under TLS 1.2. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/http/get.h"

static int get(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	return http_get(t, at, "http", path, f);
}

static int get_tls(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	return http_get(t, at, "https", path, f);
}

static const struct protocol protocol_http = {
	.scheme = "http",
	.proxies = true,
	.get = get,
};

static const struct protocol protocol_https = {
	.scheme = "https",
	.proxies = true,
	.get = get_tls,
};

static int http_fetch(struct fetch *f)
{
	return retrieve(f, &protocol_http);
}

static int https_fetch(struct fetch *f)
{
	return retrieve(f, &protocol_https);
}

static const enum option_key http_required[] = { KEY_SERVER, KEY_COUNT };
static const enum option_key http_optional[] = { KEY_DIRECTORY,  KEY_IMAGE,      KEY_USER, KEY_PASS,
						 KEY_PROXY_HOST, KEY_PROXY_PORT, KEY_COUNT };

const struct method method_http = {
	.name = "http",
	.title = "HTTP server",
	.needs = METHOD_NEEDS_NETWORK,
	.required = http_required,
	.optional = http_optional,
	.fetch = http_fetch,
};

const struct method method_https = {
	.name = "https",
	.title = "HTTPS server",
	.needs = METHOD_NEEDS_NETWORK,
	.required = http_required,
	.optional = http_optional,
	.fetch = https_fetch,
};
