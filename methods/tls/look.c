/* look.c - a server that refused -> a second look at it, with everything offered: what is it that it wants. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/look.h"

#include "base/clock.h"
#include "methods/tls/der.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compat.h"

/* How long it takes at most, and how much is read. */
#define LOOK_MS  800
#define LOOK_MAX 65536

/* Suites of IANA's list, best first; ours are those which BearSSL speaks. */
static const struct suite {
	uint16_t id;
	bool ours;
	const char *name;
} suites[] = {
	{ 0xc02b, true, "ECDHE-ECDSA-AES128-GCM" },
	{ 0xc02f, true, "ECDHE-RSA-AES128-GCM" },
	{ 0xc02c, true, "ECDHE-ECDSA-AES256-GCM" },
	{ 0xc030, true, "ECDHE-RSA-AES256-GCM" },
	{ 0xcca9, true, "ECDHE-ECDSA-CHACHA20" },
	{ 0xcca8, true, "ECDHE-RSA-CHACHA20" },
	{ 0xc0ad, false, "ECDHE-ECDSA-AES256-CCM" },
	{ 0xc0ac, false, "ECDHE-ECDSA-AES128-CCM" },
	{ 0xc0af, false, "ECDHE-ECDSA-AES256-CCM8" },
	{ 0xc0ae, false, "ECDHE-ECDSA-AES128-CCM8" },
	{ 0xc05d, false, "ECDHE-ECDSA-ARIA256-GCM" },
	{ 0xc061, false, "ECDHE-RSA-ARIA256-GCM" },
	{ 0xc087, false, "ECDHE-ECDSA-CAMELLIA256-GCM" },
	{ 0xc08b, false, "ECDHE-RSA-CAMELLIA256-GCM" },
	{ 0xc024, false, "ECDHE-ECDSA-AES256-CBC" },
	{ 0xc028, false, "ECDHE-RSA-AES256-CBC" },
	{ 0xc023, false, "ECDHE-ECDSA-AES128-CBC" },
	{ 0xc027, false, "ECDHE-RSA-AES128-CBC" },
	{ 0xc00a, false, "ECDHE-ECDSA-AES256-CBC" },
	{ 0xc014, false, "ECDHE-RSA-AES256-CBC" },
	{ 0xc009, false, "ECDHE-ECDSA-AES128-CBC" },
	{ 0xc013, false, "ECDHE-RSA-AES128-CBC" },
	{ 0x009f, false, "DHE-RSA-AES256-GCM" },
	{ 0x009e, false, "DHE-RSA-AES128-GCM" },
	{ 0xccaa, false, "DHE-RSA-CHACHA20" },
	{ 0xc09f, false, "DHE-RSA-AES256-CCM" },
	{ 0xc09e, false, "DHE-RSA-AES128-CCM" },
	{ 0x006b, false, "DHE-RSA-AES256-CBC" },
	{ 0x0067, false, "DHE-RSA-AES128-CBC" },
	{ 0x0039, false, "DHE-RSA-AES256-CBC" },
	{ 0x0033, false, "DHE-RSA-AES128-CBC" },
	{ 0x009d, false, "RSA-AES256-GCM" },
	{ 0x009c, false, "RSA-AES128-GCM" },
	{ 0xc09d, false, "RSA-AES256-CCM" },
	{ 0xc09c, false, "RSA-AES128-CCM" },
	{ 0x003d, false, "RSA-AES256-CBC" },
	{ 0x003c, false, "RSA-AES128-CBC" },
	{ 0x0035, false, "RSA-AES256-CBC" },
	{ 0x002f, false, "RSA-AES128-CBC" },
	{ 0x000a, false, "RSA-3DES" },
};

static const uint16_t newest_suites[] = { 0x1301, 0x1302, 0x1303, 0x1304 };
static const uint16_t groups[] = { 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x001a,
				   0x001b, 0x001c, 0x0100, 0x0101, 0x0102 };
static const uint16_t signatures[] = { 0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0804, 0x0805,
				       0x0806, 0x0809, 0x080a, 0x080b, 0x0807, 0x0808, 0x0203, 0x0201 };

/* ---- the question (RFC 5246, section 7.4.1.2; RFC 8446, section 4.1.2) */

static void put16(struct buf *out, size_t n)
{
	const uint8_t bytes[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	buf_add(out, bytes, 2);
}

static void put_list(struct buf *out, const uint16_t *list, size_t count)
{
	put16(out, count * 2);
	for (size_t i = 0; i < count; i++)
		put16(out, list[i]);
}

static void put_extension(struct buf *out, unsigned type, const struct buf *in)
{
	put16(out, type);
	put16(out, in->len);
	buf_add(out, in->data, in->len);
}

static void put_name(struct buf *out, const char *name)
{
	cleanup_buf struct buf in = { 0 };

	put16(&in, strlen(name) + 3);
	buf_char(&in, 0);
	put16(&in, strlen(name));
	buf_str(&in, name);
	put_extension(out, 0, &in);
}

static void put_numbers(struct buf *out, unsigned type, const uint16_t *list, size_t count)
{
	cleanup_buf struct buf in = { 0 };

	put_list(&in, list, count);
	put_extension(out, type, &in);
}

static void put_extensions(struct buf *out, const char *name, bool newest)
{
	cleanup_buf struct buf points = { 0 }, nothing = { 0 }, versions = { 0 }, shares = { 0 };

	if (name)
		put_name(out, name);
	put_numbers(out, 10, groups, ARRAY_SIZE(groups));
	put_numbers(out, 13, signatures, ARRAY_SIZE(signatures));
	buf_add(&points, "\1", 2); /* one, the uncompressed form */
	put_extension(out, 11, &points);
	put_extension(out, 23, &nothing); /* extended master secret */
	if (newest) {
		buf_add(&versions, "\2\3\4", 3);
		put_extension(out, 43, &versions);
		put16(&shares, 0); /* none yet: the server names the group it wants */
		put_extension(out, 51, &shares);
	}
}

void look_hello(struct buf *out, const char *name, bool newest, const uint8_t *random)
{
	cleanup_buf struct buf hello = { 0 }, extensions = { 0 };

	put16(&hello, 0x0303);
	buf_add(&hello, random, 32);
	buf_char(&hello, 0); /* no session */
	if (newest) {
		put_list(&hello, newest_suites, ARRAY_SIZE(newest_suites));
	} else {
		put16(&hello, ARRAY_SIZE(suites) * 2 + 2);
		for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
			put16(&hello, suites[i].id);
		put16(&hello, 0x00ff); /* RFC 5746 */
	}
	buf_add(&hello, "\1", 2); /* no compression */
	put_extensions(&extensions, name, newest);
	put16(&hello, extensions.len);
	buf_add(&hello, extensions.data, extensions.len);
	buf_char(out, 22);
	put16(out, 0x0301);
	put16(out, hello.len + 4);
	buf_add(out, "\1", 2); /* ClientHello, the first byte of its length */
	put16(out, hello.len);
	buf_add(out, hello.data, hello.len);
}

/* ---- the answer */

static bool take(struct der *from, size_t len, struct der *in)
{
	if (from->len < len)
		return false;
	*in = (struct der){ from->p, len };
	from->p += len;
	from->len -= len;
	return true;
}

static bool take_number(struct der *from, size_t bytes, unsigned *n)
{
	struct der in;

	if (!take(from, bytes, &in))
		return false;
	for (*n = 0; in.len; in.p++, in.len--)
		*n = *n << 8 | in.p[0];
	return true;
}

static void parse_extensions(struct look *l, struct der list)
{
	unsigned type, len;
	struct der in;

	while (take_number(&list, 2, &type) && take_number(&list, 2, &len) && take(&list, len, &in)) {
		if (type == 23)
			l->extended = true;
		if (type == 43)
			l->version = in.len == 2 ? (unsigned)in.p[0] << 8 | in.p[1] : l->version;
	}
}

static void parse_hello(struct look *l, struct der in)
{
	unsigned session, compression, len;
	struct der skipped, list;

	if (!take_number(&in, 2, &l->version) || !take(&in, 32, &skipped) || !take_number(&in, 1, &session) ||
	    !take(&in, session, &skipped) || !take_number(&in, 2, &l->suite) || !take_number(&in, 1, &compression))
		return;
	l->answered = true;
	if (take_number(&in, 2, &len) && take(&in, len, &list))
		parse_extensions(l, list);
	l->done = l->version != 0x0303;
}

/* ServerKeyExchange on a curve with a name (RFC 8422, section 5.4). */
static void parse_exchange(struct look *l, struct der in)
{
	unsigned type, len;
	struct der point;

	l->done = true;
	if (take_number(&in, 1, &type) && type == 3 && take_number(&in, 2, &l->group) && take_number(&in, 1, &len) &&
	    take(&in, len, &point) && !take_number(&in, 2, &l->signature))
		l->signature = 0;
}

/* What records of handshakes carry, one behind the other, up to the first other one. */
static void join_records(struct buf *out, struct der in)
{
	unsigned type, version, len;
	struct der part;

	while (take_number(&in, 1, &type) && type == 22 && take_number(&in, 2, &version) && take_number(&in, 2, &len) &&
	       take(&in, len, &part))
		buf_add(out, part.p, part.len);
}

void look_parse(struct look *l, const uint8_t *bytes, size_t len)
{
	cleanup_buf struct buf messages = { 0 };
	struct der rest, in;
	unsigned type, size;

	*l = (struct look){ .done = len && bytes[0] != 22 };
	join_records(&messages, (struct der){ bytes, len });
	rest = (struct der){ (const uint8_t *)messages.data, messages.len };
	while (!l->done && take_number(&rest, 1, &type) && take_number(&rest, 3, &size) && take(&rest, size, &in)) {
		if (type == 2)
			parse_hello(l, in);
		else if (type == 12)
			parse_exchange(l, in);
		else if (type == 14)
			l->done = true;
	}
}

/* ---- words */

static const char *group_name(unsigned group)
{
	static const struct {
		unsigned id;
		const char *name;
	} names[] = {
		{ 0x1e, "X448" }, { 0x1a, "brainpoolP256r1" }, { 0x1b, "brainpoolP384r1" }, { 0x1c, "brainpoolP512r1" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].id == group)
			return names[i].name;
	return NULL; /* P-256, P-384, P-521 and X25519 are spoken here */
}

static const char *signature_name(unsigned signature)
{
	if (signature == 0x0807 || signature == 0x0808)
		return "Ed25519 or Ed448: give it a certificate of RSA or ECDSA";
	if (signature >> 8 == 8)
		return "RSA-PSS only: let it sign with RSA and SHA-256 as well (PKCS#1)";
	return signature >> 8 == 2 ? "SHA-1: let it sign with SHA-256" : NULL;
}

static const struct suite *find_suite(unsigned id)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

static bool old_words(struct buf *out, const struct look *l)
{
	const struct suite *s = find_suite(l->suite);
	const char *group = group_name(l->group), *signature = signature_name(l->signature);

	if (l->version < 0x0303)
		buf_str(out, "it speaks TLS 1.1 at most: enable TLS 1.2 there");
	else if (!s || !s->ours)
		buf_printf(out,
			   "it takes the cipher suite %s, but none that is spoken here: "
			   "enable ECDHE with AES-GCM or ChaCha20 there",
			   s ? s->name : "it likes best");
	else if (group)
		buf_printf(out, "it takes the curve %s only: enable P-256, P-384, P-521 or X25519 there", group);
	else if (signature)
		buf_printf(out, "it makes a signature with %s", signature);
	else if (l->extended)
		buf_str(out, "it demands the extended master secret (RFC 7627), which is not spoken here: "
			     "let it do without that");
	else
		return false;
	return true;
}

bool look_words(struct buf *out, const struct look *old, const struct look *newest)
{
	if (old->answered)
		return old_words(out, old);
	if (!newest->answered || newest->version != 0x0304)
		return false;
	buf_str(out, "it does not speak TLS 1.2, but TLS 1.3 only: enable TLS 1.2 there (nginx: ssl_protocols TLSv1.2 "
		     "TLSv1.3)");
	return true;
}

/* ---- the network */

/* Waits for EVENTS on FD until DEADLINE. */
static bool wait_until(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = deadline - now_ms();

	return left > 0 && poll(&p, 1, (int)left) > 0;
}

static void ask(struct look *l, int fd, const struct buf *hello, int64_t deadline)
{
	cleanup_buf struct buf answer = { 0 };
	ssize_t n;

	if (!wait_until(fd, POLLOUT, deadline) ||
	    send(fd, hello->data, hello->len, MSG_NOSIGNAL) != (ssize_t)hello->len)
		return;
	while (!l->done && answer.len < LOOK_MAX && wait_until(fd, POLLIN, deadline) && !buf_reserve(&answer, 4096)) {
		n = recv(fd, answer.data + answer.len, 4096, 0);
		if (n <= 0)
			return;
		answer.len += (size_t)n;
		look_parse(l, (uint8_t *)answer.data, answer.len);
	}
}

static void look_once(struct look *l, int net, const char *name, bool newest, int64_t deadline)
{
	cleanup_buf struct buf hello = { 0 };
	cleanup_close int fd = -1;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	uint8_t random[32];

	*l = (struct look){ 0 };
	if (getpeername(net, (struct sockaddr *)&peer, &len) || getrandom(random, sizeof(random), 0) != sizeof(random))
		return;
	fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&peer, len) && errno != EINPROGRESS))
		return;
	look_hello(&hello, name, newest, random);
	ask(l, fd, &hello, deadline);
}

bool look_again(struct buf *out, int net, const char *name)
{
	int64_t deadline = now_ms() + LOOK_MS;
	struct look old, newest = { 0 };

	look_once(&old, net, name, false, deadline);
	if (!old.answered)
		look_once(&newest, net, name, true, deadline);
	return look_words(out, &old, &newest);
}
