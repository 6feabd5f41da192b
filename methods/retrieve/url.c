/* url.c - text of addresses (HOST:PORT, http://host/path, relative references) -> their parts, and back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

uint16_t url_default_port(const char *scheme)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} known[] = { { "http", 80 }, { "https", 443 }, { "ftp", 21 }, { "tftp", 69 }, { "nfs", 2049 } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(scheme, known[i].scheme))
			return known[i].port;
	return 0;
}

void url_free(struct url *u)
{
	free(u->scheme);
	free(u->host);
	free(u->path);
	*u = (struct url){ 0 };
}

/* ---- hosts */

static bool is_host_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* True when the LEN bytes are an IPv6 address; a zone (%eth0, RFC 4007) may follow it. */
static bool is_v6(const char *s, size_t len)
{
	const char *zone = len ? memchr(s, '%', len) : NULL;
	size_t n = zone ? (size_t)(zone - s) : len;
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	for (size_t i = n + 1; i < len; i++)
		if (!is_host_char(s[i]))
			return false;
	return !(zone && n + 1 == len) && inet_pton(AF_INET6, text, &address) == 1;
}

static int parse_port(const char *s, size_t len, uint16_t *port)
{
	unsigned value = 0;

	if (!len || len > 5)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -EINVAL;
		value = value * 10 + (unsigned)(s[i] - '0');
	}
	if (!value || value > 65535)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int host_parse(const char *text, size_t len, char **host, uint16_t *port)
{
	const char *name = text, *end = text + len, *colon;
	size_t name_len = len;

	*port = 0;
	*host = NULL;
	if (len && *text == '[') {
		const char *close = memchr(text, ']', len);

		if (!close || !is_v6(text + 1, (size_t)(close - text - 1)))
			return -EINVAL;
		name = text + 1;
		name_len = (size_t)(close - name);
		if (close + 1 < end && (close[1] != ':' || parse_port(close + 2, (size_t)(end - close - 2), port)))
			return -EINVAL;
	} else if (len && memchr(text, ':', len) != memrchr(text, ':', len)) {
		if (!is_v6(text, len))
			return -EINVAL;
	} else {
		colon = len ? memchr(text, ':', len) : NULL;
		if (colon) {
			name_len = (size_t)(colon - text);
			if (parse_port(colon + 1, (size_t)(end - colon - 1), port))
				return -EINVAL;
		}
		for (size_t i = 0; i < name_len; i++)
			if (!is_host_char(name[i]))
				return -EINVAL;
	}
	if (!name_len)
		return -EINVAL;
	*host = strndup(name, name_len);
	return *host ? 0 : -ENOMEM;
}

/* ---- paths */

static void encode_byte(struct buf *out, unsigned char c)
{
	buf_printf(out, "%%%02X", c);
}

static bool is_escape(const char *s)
{
	return s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]);
}

/* RFC 3986, section 3.3: pchar and '/'. But a '+' is a blank to some servers (S3), and a ';' ends the name for
 * others. */
#define PATH_CHARS  "-._~!$&'()*,=:@/"
#define QUERY_CHARS PATH_CHARS "+;?" /* section 3.4 */

/* Adds LEN bytes of a name, letters, digits and what CHARS has as they are, the rest encoded. */
static void add_encoded(struct buf *out, const char *s, size_t len, const char *chars)
{
	for (size_t i = 0; i < len; i++) {
		if (isalnum((unsigned char)s[i]) || strchr(chars, s[i]) || is_escape(s + i))
			buf_char(out, s[i]);
		else
			encode_byte(out, (unsigned char)s[i]);
	}
}

size_t url_query(const char *scheme, const char *name)
{
	bool has_queries = scheme && (streq(scheme, "http") || streq(scheme, "https"));
	size_t at = strcspn(name, "?");

	return has_queries && name[at] && strchr(name + at, '=') ? at : strlen(name);
}

/* Adds LEN bytes of a path with query as another server wrote them: only what would break a request is encoded. */
static void add_foreign_path(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] >= 127 || strchr("\"<>\\^`{|}", s[i]))
			encode_byte(out, (unsigned char)s[i]);
		else
			buf_char(out, s[i]);
	}
}

/* Copies the path P of LEN bytes without its "." and ".." segments: RFC 3986, section 5.2.4. */
static void add_without_dots(struct buf *out, const char *p, size_t len)
{
	const char *end = p + len;
	size_t start = out->len;

	while (p < end && !out->failed) {
		const char *segment = p + 1, *next = segment;
		size_t n;

		while (next < end && *next != '/')
			next++;
		n = (size_t)(next - segment);
		if (n == 2 && !memcmp(segment, "..", 2)) {
			while (out->len > start && out->data[--out->len] != '/')
				;
			if (next == end)
				buf_char(out, '/');
		} else if (n == 1 && *segment == '.') {
			if (next == end)
				buf_char(out, '/');
		} else {
			buf_char(out, '/');
			add_foreign_path(out, segment, n);
		}
		p = next;
	}
	if (out->len == start)
		buf_char(out, '/');
}

/* ---- whole URLs */

/* Length of the scheme that TEXT begins with, without its colon; 0 where there is none: RFC 3986, section 3.1. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("+-.", text[n])))
		n++;
	return text[n] == ':' ? n : 0;
}

/* Fills what comes behind "scheme:"; U->scheme is set. */
static int parse_hierarchy(struct url *u, const char *text)
{
	cleanup_buf struct buf path = { 0 };
	size_t len, path_len;
	const char *at;
	int err;

	if (!starts_with(text, "//"))
		return -EINVAL;
	text += 2;
	len = strcspn(text, "/?#");
	at = len ? memrchr(text, '@', len) : NULL;
	if (at) {
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	err = host_parse(text, len, &u->host, &u->port);
	if (err)
		return err;
	if (!u->port)
		u->port = url_default_port(u->scheme);
	if (!u->port)
		return -EPROTONOSUPPORT;
	text += len;
	path_len = strcspn(text, "?#");
	add_without_dots(&path, text, path_len);
	text += path_len;
	if (*text == '?')
		add_foreign_path(&path, text, strcspn(text, "#"));
	u->path = buf_take(&path);
	return u->path ? 0 : -ENOMEM;
}

int url_parse(struct url *u, const char *text)
{
	size_t n = scheme_length(text);
	int err;

	*u = (struct url){ 0 };
	if (!n)
		return -EINVAL;
	u->scheme = strndup(text, n);
	if (!u->scheme)
		return -ENOMEM;
	for (char *p = u->scheme; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	err = parse_hierarchy(u, text + n + 1);
	if (err)
		url_free(u);
	return err;
}

int url_make(struct url *u, const char *scheme, const char *host, uint16_t port, const char *path)
{
	cleanup_buf struct buf encoded = { 0 }, clean = { 0 };
	size_t len = url_query(scheme, path);

	if (*path != '/')
		buf_char(&encoded, '/');
	add_encoded(&encoded, path, len, PATH_CHARS);
	add_without_dots(&clean, buf_cstr(&encoded), encoded.len);
	add_encoded(&clean, path + len, strlen(path + len), QUERY_CHARS);
	*u = (struct url){ .scheme = strdup(scheme),
			   .host = strdup(host),
			   .port = port,
			   .path = encoded.failed ? NULL : buf_take(&clean) };
	if (u->scheme && u->host && u->path)
		return 0;
	url_free(u);
	return -ENOMEM;
}

/* The reference has no scheme and no host: its path is merged with that of BASE (RFC 3986, section 5.2.3). */
static int resolve_path(struct url *u, const struct url *base, const char *reference)
{
	cleanup_buf struct buf merged = { 0 }, path = { 0 };
	size_t base_path = strcspn(base->path, "?"), len = strcspn(reference, "?#");

	if (!len) {
		buf_add(&path, base->path, *reference == '?' ? base_path : strlen(base->path));
	} else {
		if (*reference != '/') {
			while (base_path && base->path[base_path - 1] != '/')
				base_path--;
			buf_add(&merged, base->path, base_path);
		}
		buf_add(&merged, reference, len);
		add_without_dots(&path, buf_cstr(&merged), merged.len);
	}
	reference += len;
	if (*reference == '?')
		add_foreign_path(&path, reference, strcspn(reference, "#"));
	*u = (struct url){ .scheme = strdup(base->scheme),
			   .host = strdup(base->host),
			   .port = base->port,
			   .path = merged.failed ? NULL : buf_take(&path) };
	if (u->scheme && u->host && u->path)
		return 0;
	url_free(u);
	return -ENOMEM;
}

int url_resolve(struct url *u, const struct url *base, const char *reference)
{
	int err;

	if (scheme_length(reference))
		return url_parse(u, reference);
	if (!starts_with(reference, "//"))
		return resolve_path(u, base, reference);
	*u = (struct url){ .scheme = strdup(base->scheme) };
	err = u->scheme ? parse_hierarchy(u, reference) : -ENOMEM;
	if (err)
		url_free(u);
	return err;
}

/* Adds the host, in brackets where it is an IPv6 address. */
static void add_host(struct buf *out, const char *host, bool zone)
{
	if (strchr(host, ':'))
		buf_printf(out, "[%.*s]", (int)(zone ? strlen(host) : strcspn(host, "%")), host);
	else
		buf_str(out, host);
}

static void add_port(struct buf *out, const struct url *u)
{
	if (u->port != url_default_port(u->scheme))
		buf_printf(out, ":%u", u->port);
}

int url_text(const struct url *u, struct buf *out)
{
	size_t path = strcspn(u->path, "?");

	buf_printf(out, "%s://", u->scheme);
	add_host(out, u->host, true);
	add_port(out, u);
	buf_add(out, u->path, path);
	return buf_str(out, u->path[path] ? "?..." : "");
}

int url_host_text(const struct url *u, struct buf *out)
{
	add_host(out, u->host, false);
	add_port(out, u);
	return out->failed ? -ENOMEM : 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return streq(a->scheme, b->scheme) && strcasecmp(a->host, b->host) == 0 && a->port == b->port;
}
