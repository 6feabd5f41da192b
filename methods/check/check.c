/* check.c - options + a method -> what can be refused from the command line alone, before anything is touched. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/sha256.h"
#include "methods/method.h"
#include "methods/retrieve/url.h"
#include "methods/tls/tls.h"
#include "relay/ka/wire.h"

/* Which methods read a key; where it is not read, its value is nobody's business. */
enum readers {
	BY_ALL = 1 << 0,
	BY_SERVERS = 1 << 1, /* http, https, ftp, tftp, nfs: methods/retrieve */
	BY_RELAYS = 1 << 2,  /* dolly, ka */
	BY_DOLLY = 1 << 3,
	BY_KA = 1 << 4,
	BY_HTTPS = 1 << 5,
	BY_PROXIED = 1 << 6, /* http, https, ftp with proxy_host: */
};

static unsigned readers_of(const struct method *m, const struct options *o)
{
	bool dolly = streq(m->name, "dolly"), ka = streq(m->name, "ka"), https = streq(m->name, "https");
	bool proxies = https || streq(m->name, "http") || streq(m->name, "ftp");

	return BY_ALL | (dolly ? BY_RELAYS | BY_DOLLY : 0) | (ka ? BY_RELAYS | BY_KA : 0) | (https ? BY_HTTPS : 0) |
	       (!dolly && !ka && (m->needs & METHOD_NEEDS_NETWORK) ? BY_SERVERS : 0) |
	       (proxies && o->value[KEY_PROXY_HOST] ? BY_PROXIED : 0);
}

/* ---- grammars: each returns why VALUE cannot be, NULL where it can */

static const char *not_sha256(const char *value)
{
	uint8_t sum[SHA256_SIZE];

	return sha256_parse(sum, value) ? "a SHA-256 is 64 hexadecimal digits" : NULL;
}

static const char *not_pin(const char *value)
{
	uint8_t bytes[32];

	return tls_parse_pin(value, bytes) ? "no SHA-256 of a public key, 64 hexadecimal digits or 44 of base64" : NULL;
}

/* Words, and keys of signify (56 characters) or ssh; whether those are any, stage1-verify tells. */
static const char *not_verify(const char *value)
{
	while (*value) {
		size_t len = strcspn(value, ":");

		if (len && len < 56 && !starts_with(value, "required") && !starts_with(value, "need=") &&
		    !starts_with(value, "minimum="))
			return "no public key (56 characters), nor required, need=N or minimum=N";
		value += len + (value[len] == ':');
	}
	return NULL;
}

static const char *not_session(const char *value)
{
	return strlen(value) > KA_NAME_MAX ? "longer than the 199 bytes of a ka session" : NULL;
}

/* One of the hosts of server:, LEN bytes at TEXT. */
static const char *not_host(const char *text, size_t len)
{
	cleanup_free char *host = NULL;
	uint16_t port;

	if (memchr(text, '/', len))
		return "no HOST or HOST:PORT; the path goes into directory: and image:";
	return host_parse(text, len, &host, &port) == -EINVAL ? "no HOST, HOST:PORT or [IPV6]:PORT" : NULL;
}

static const char *not_hosts(const char *value)
{
	const char *why = NULL;

	if (strchr(value, '@'))
		return ""; /* it may hold a password */
	for (;;) {
		size_t len = strcspn(value, "+");

		why = not_host(value, len);
		if (why || !value[len])
			return why;
		value += len + 1;
	}
}

static const char *not_proxy(const char *value)
{
	cleanup_free char *host = NULL;
	uint16_t port = 0;

	if (strchr(value, '/') || host_parse(value, strlen(value), &host, &port) == -EINVAL)
		return "no name or address of a host";
	return port ? "only the host; its port goes into proxy_port:" : NULL;
}

/* ---- the table */

static const struct rule {
	enum option_key key;
	unsigned readers;
	const char *(*objection)(const char *value); /* NULL: a number */
	int64_t min, max;
} rules[] = {
	{ KEY_SERVER, BY_SERVERS | BY_RELAYS, not_hosts, 0, 0 },
	{ KEY_PORT, BY_SERVERS, NULL, 1, 65535 },
	{ KEY_PROXY_HOST, BY_PROXIED, not_proxy, 0, 0 },
	{ KEY_PROXY_PORT, BY_PROXIED, NULL, 1, 65535 },
	{ KEY_TIMEOUT, BY_ALL, NULL, 1, 86400 },
	{ KEY_RETRIES, BY_SERVERS, NULL, 0, 1000000 },
	{ KEY_RETRIES, BY_RELAYS, NULL, 1, 1000000 },
	{ KEY_DOLLY_TIMEOUT, BY_DOLLY, NULL, 1, 1000000 },
	{ KEY_SESSION, BY_KA, not_session, 0, 0 },
	{ KEY_SHA256, BY_ALL, not_sha256, 0, 0 },
	{ KEY_PIN, BY_HTTPS, not_pin, 0, 0 },
	{ KEY_VERIFY, BY_ALL, not_verify, 0, 0 },
};

static int check_rule(const struct rule *r, const struct options *o, struct failure *f)
{
	const char *value = o->value[r->key], *why;
	int64_t number;

	if (!r->objection)
		return options_number(o, r->key, r->min, r->max, 0, &number, f);
	why = r->objection(value);
	if (!why)
		return 0;
	if (!*why)
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "server: takes no login; give it by user: and pass:");
	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "%s:%.80s%s: %s", key_table[r->key].name, value,
		    strlen(value) > 80 ? "..." : "", why);
}

static int check_values(const struct method *m, const struct options *o, struct failure *f)
{
	unsigned readers = readers_of(m, o);
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && !err; i++)
		if (o->value[rules[i].key] && (rules[i].readers & readers))
			err = check_rule(&rules[i], o, f);
	return err;
}

/* What this version does not do is never left out in silence. */
static int refuse_what_is_not_done(const struct options *o, struct failure *f)
{
	if (o->adsl || streq(o->value[KEY_NETWORK], "adsl"))
		return fail(
			f, FAIL_CMD_BAD_VALUE, -EOPNOTSUPP,
			"adsluser:, adslpass:, network:adsl: ADSL (PPPoE) is not spoken by this version; a router that "
			"does it gives network:dhcp");
	return 0;
}

int method_check(const struct method *m, const struct options *o, struct failure *f)
{
	cleanup_buf struct buf missing = { 0 };
	int err = refuse_what_is_not_done(o, f);

	if (!err)
		err = check_values(m, o, f);
	if (err)
		return err;
	for (const enum option_key *key = m->required; key && *key != KEY_COUNT; key++)
		if (!o->value[*key])
			buf_printf(&missing, "%s%s: (for example %s)", missing.len ? ", " : "", key_table[*key].name,
				   key_table[*key].example);
	if (!missing.len)
		return 0;
	return fail(f, FAIL_CMD_MISSING, -EINVAL, "method:%s needs %s", m->name, buf_cstr(&missing));
}
