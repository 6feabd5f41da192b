/* test_tls_path.c - chains in any order, with anything in them, are judged as RFC 5280 has it, in words for people. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/judge.h"
#include "methods/tls/look.h"
#include "methods/tls/names.h"
#include "methods/tls/refusal.h"
#include "methods/tls/rsa.h"
#include "methods/tls/signature.h"
#include "methods/tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

/* ---- certificates, made here: keys of P-256 that are the numbers 1, 2, 3 ... */

static void put(struct buf *out, uint8_t tag, const void *bytes, size_t len)
{
	const uint8_t head[4] = { tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len };

	assert_true(len < 65536);
	buf_add(out, head, sizeof(head));
	buf_add(out, bytes, len);
}

/* The same of what is in IN, which is empty then. */
static void wrap(struct buf *out, uint8_t tag, struct buf *in)
{
	put(out, tag, in->data, in->len);
	in->len = 0;
}

static void put_oid(struct buf *out, const char *oid)
{
	put(out, DER_OID, oid, strlen(oid));
}

/* "CN" or "O/CN", UTF8. */
static void put_name(struct buf *out, const char *name)
{
	cleanup_buf struct buf pair = { 0 }, set = { 0 }, all = { 0 }, name_in = { 0 };
	const char *slash = strchr(name, '/');

	for (int i = slash ? 0 : 1; i < 2; i++) {
		const char *value = i && slash ? slash + 1 : name;

		put_oid(&pair, i ? "\x55\x04\x03" : "\x55\x04\x0a");
		put(&pair, 0x0c, value, !i ? (size_t)(slash - name) : strlen(value));
		wrap(&set, DER_SEQUENCE, &pair);
		wrap(&name_in, DER_SET, &set);
	}
	wrap(&all, DER_SEQUENCE, &name_in);
	buf_add(out, all.data, *name ? all.len : 0);
	if (!*name)
		put(out, DER_SEQUENCE, "", 0);
}

/* "DNS:a", "IP:10.0.0.1", "IP:10.0.0.0/255.0.0.0", "email:a", "URI:a", "dir:O/CN", "other:a" as GeneralName. */
static void put_general(struct buf *out, const char *text)
{
	static const struct {
		const char *before;
		uint8_t tag;
	} rows[] = { { "DNS:", DER_NAME(2) }, { "email:", DER_NAME(1) }, { "URI:", DER_NAME(6) }, { "other:", 0xa0 } };
	cleanup_buf struct buf in = { 0 };
	char address[64];
	uint8_t bytes[16];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (starts_with(text, rows[i].before)) {
			const char *value = text + strlen(rows[i].before);

			put(out, rows[i].tag, value, strlen(value));
			return;
		}
	if (starts_with(text, "dir:")) {
		put_name(&in, text + 4);
		wrap(out, DER_CONTEXT(4), &in);
		return;
	}
	for (const char *p = text + 3; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		int family = strchr(p, ':') ? AF_INET6 : AF_INET;

		str_copy(address, sizeof(address), p);
		address[strcspn(address, "/")] = '\0';
		assert_int_equal(inet_pton(family, address, bytes), 1);
		buf_add(&in, bytes, family == AF_INET ? 4 : 16);
	}
	wrap(out, DER_NAME(7), &in);
}

/* Words apart by spaces, each a GeneralName; in a SEQUENCE each where SUBTREES. */
static void put_generals(struct buf *out, const char *list, bool subtrees)
{
	cleanup_buf struct buf one = { 0 };
	char word[200];

	while (*list) {
		size_t n = strcspn(list, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, list);
		put_general(subtrees ? &one : out, word);
		if (subtrees)
			wrap(out, DER_SEQUENCE, &one);
		list += n + (list[n] == ' ');
	}
}

/* One certificate; what is not said is left out. */
struct spec {
	const char *subject, *issuer;
	int key, signer;
	const char *names; /* subjectAltName */
	const char *permitted, *excluded;
	int authority;         /* 1: basicConstraints with cA, 2: and path length 0, 3: cA is false */
	int usage;             /* keyUsage: its first byte */
	const char *purpose;   /* extKeyUsage: an object identifier */
	const char *more;      /* an extension without meaning; critical */
	bool twice;            /* all extensions are there twice */
	const char *from, *to; /* dates */
	const char *algorithm; /* in place of ecdsa-with-SHA256 */
};

#define SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define CLIENT_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x02"

static void put_extension(struct buf *out, const char *oid, struct buf *in)
{
	cleanup_buf struct buf extension = { 0 };

	put_oid(&extension, oid);
	put(&extension, DER_BOOLEAN, "\xff", 1);
	wrap(&extension, DER_OCTETS, in);
	wrap(out, DER_SEQUENCE, &extension);
}

static void put_extensions(struct buf *out, const struct spec *s)
{
	cleanup_buf struct buf in = { 0 }, list = { 0 };

	if (s->authority) {
		put(&list, DER_BOOLEAN, s->authority == 3 ? "\0" : "\xff", 1);
		if (s->authority == 2)
			put(&list, DER_INTEGER, "\0", 1);
		wrap(&in, DER_SEQUENCE, &list);
		put_extension(out, "\x55\x1d\x13", &in);
	}
	if (s->usage) {
		const uint8_t bits[2] = { 0, (uint8_t)s->usage };

		put(&in, DER_BITS, bits, 2);
		put_extension(out, "\x55\x1d\x0f", &in);
	}
	if (s->purpose) {
		put_oid(&list, s->purpose);
		wrap(&in, DER_SEQUENCE, &list);
		put_extension(out, "\x55\x1d\x25", &in);
	}
	if (s->names) {
		put_generals(&list, s->names, false);
		wrap(&in, DER_SEQUENCE, &list);
		put_extension(out, "\x55\x1d\x11", &in);
	}
	if (s->permitted || s->excluded) {
		cleanup_buf struct buf half = { 0 };

		put_generals(&half, s->permitted ? s->permitted : "", true);
		if (half.len)
			wrap(&list, DER_CONTEXT(0), &half);
		put_generals(&half, s->excluded ? s->excluded : "", true);
		if (half.len)
			wrap(&list, DER_CONTEXT(1), &half);
		wrap(&in, DER_SEQUENCE, &list);
		put_extension(out, "\x55\x1d\x1e", &in);
	}
	if (s->more) {
		put(&in, 0x05, "", 0);
		put_extension(out, s->more, &in);
	}
}

static void put_key(struct buf *out, int key)
{
	cleanup_buf struct buf in = { 0 }, all = { 0 };
	uint8_t secret = (uint8_t)key, q[66] = { 0 };
	size_t len = br_ec_p256_m31.mulgen(q + 1, &secret, 1, BR_EC_secp256r1);

	put_oid(&in, "\x2a\x86\x48\xce\x3d\x02\x01");
	put_oid(&in, "\x2a\x86\x48\xce\x3d\x03\x01\x07");
	wrap(&all, DER_SEQUENCE, &in);
	put(&all, DER_BITS, q, len + 1);
	wrap(out, DER_SEQUENCE, &all);
}

static void sign(struct buf *out, const struct buf *body, int signer)
{
	uint8_t secret = (uint8_t)signer, sum[32], sig[90] = { 0 };
	br_ec_private_key key = { BR_EC_secp256r1, &secret, 1 };
	br_sha256_context sha;
	size_t len;

	br_sha256_init(&sha);
	br_sha256_update(&sha, body->data, body->len);
	br_sha256_out(&sha, sum);
	len = br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, sum, &key, sig + 1);
	put(out, DER_BITS, sig, len + 1);
}

static void make(struct buf *out, const struct spec *s)
{
	cleanup_buf struct buf in = { 0 }, body = { 0 }, list = { 0 }, algorithm = { 0 };
	const char *from = s->from ? s->from : "200101000000Z", *to = s->to ? s->to : "400101000000Z";

	put_oid(&list, s->algorithm ? s->algorithm : "\x2a\x86\x48\xce\x3d\x04\x03\x02");
	wrap(&algorithm, DER_SEQUENCE, &list);
	put(&list, DER_INTEGER, "\2", 1);
	wrap(&in, DER_CONTEXT(0), &list);
	put(&in, DER_INTEGER, "\1", 1);
	buf_add(&in, algorithm.data, algorithm.len);
	put_name(&in, s->issuer);
	put(&list, DER_UTC_TIME, from, strlen(from));
	put(&list, DER_UTC_TIME, to, strlen(to));
	wrap(&in, DER_SEQUENCE, &list);
	put_name(&in, s->subject);
	put_key(&in, s->key);
	put_extensions(&list, s);
	if (s->twice)
		put_extensions(&list, s);
	if (list.len) {
		cleanup_buf struct buf extensions = { 0 };

		wrap(&extensions, DER_SEQUENCE, &list);
		wrap(&in, DER_CONTEXT(3), &extensions);
	}
	wrap(&body, DER_SEQUENCE, &in);
	buf_add(&in, body.data, body.len);
	buf_add(&in, algorithm.data, algorithm.len);
	sign(&in, &body, s->signer);
	wrap(out, DER_SEQUENCE, &in);
}

/* ---- the judge's word on chains of these */

static void add_anchor(struct anchors *a, const struct spec *s)
{
	struct buf der = { 0 };
	struct anchor *t;

	a->list = realloc(a->list, (a->count + 1) * sizeof(*a->list));
	t = &a->list[a->count++];
	make(&der, s);
	*t = (struct anchor){ .bytes = (uint8_t *)der.data };
	assert_int_equal(certificate_parse(&t->certificate, t->bytes, der.len), 0);
	assert_null(key_parse(&t->key, t->certificate.key));
	t->authority = t->certificate.authority || !t->certificate.extended;
}

struct outcome {
	enum verdict verdict;
	enum path_fault fault;
	char words[500];
};

#define NOW 1800000000 /* 2027-01-15 */

static struct outcome judge_at(const struct spec *root, const struct spec *const *chain, size_t count, const char *host,
			       int64_t clock, int64_t released)
{
	struct anchors a = { 0 };
	struct outcome o = { 0 };
	cleanup_buf struct buf words = { 0 };
	struct judge j;
	unsigned err;

	add_anchor(&a, root);
	judge_init(&j, host, NULL, &a, clock, released);
	j.vtable->start_chain(&j.vtable, host);
	for (size_t i = 0; i < count; i++) {
		cleanup_buf struct buf der = { 0 };

		make(&der, chain[i]);
		j.vtable->start_cert(&j.vtable, (uint32_t)der.len);
		j.vtable->append(&j.vtable, (uint8_t *)der.data, der.len);
		j.vtable->end_cert(&j.vtable);
	}
	err = j.vtable->end_chain(&j.vtable);
	assert_int_equal(err == 0, j.verdict == VERDICT_GOOD);
	o.verdict = j.verdict;
	o.fault = j.path.fault;
	if (j.verdict != VERDICT_GOOD)
		judge_words(&j, &words);
	str_copy(o.words, sizeof(o.words), buf_cstr(&words));
	judge_free(&j);
	anchors_free(&a);
	return o;
}

static struct outcome judge(const struct spec *root, const struct spec *const *chain, size_t count, const char *host)
{
	return judge_at(root, chain, count, host, NOW, 0);
}

enum { ROOT = 1, MIDDLE, LEAF, LOWER, STRANGER };

static const struct spec root = { .subject = "Root", .issuer = "Root", .key = ROOT, .signer = ROOT, .authority = 1 };
static const struct spec middle = {
	.subject = "Middle", .issuer = "Root", .key = MIDDLE, .signer = ROOT, .authority = 1
};
static const struct spec lower = {
	.subject = "Lower", .issuer = "Middle", .key = LOWER, .signer = MIDDLE, .authority = 1
};
static const struct spec leaf = {
	.subject = "head", .issuer = "Middle", .key = LEAF, .signer = MIDDLE, .names = "DNS:head IP:10.0.0.1"
};
static const struct spec deep = {
	.subject = "head", .issuer = "Lower", .key = LEAF, .signer = LOWER, .names = "DNS:head"
};
static const struct spec direct = {
	.subject = "head", .issuer = "Root", .key = LEAF, .signer = ROOT, .names = "DNS:head"
};
static const struct spec stranger = {
	.subject = "Stranger", .issuer = "Stranger", .key = STRANGER, .signer = STRANGER, .authority = 1
};
/* another authority of the same name */
static const struct spec namesake = {
	.subject = "Middle", .issuer = "Stranger", .key = STRANGER, .signer = STRANGER, .authority = 1
};
static const struct spec shouting = {
	.subject = " MIDDLE ", .issuer = "root", .key = MIDDLE, .signer = ROOT, .authority = 1
};

/* A server may send its chain in any order and with anything in it (RFC 8446, section 4.4.2). */
static void test_orders(void **state)
{
	static const struct spec *const chains[][6] = {
		{ &leaf, &middle },
		{ &leaf, &middle, &root },
		{ &leaf, &leaf, &middle },
		{ &leaf, &root, &middle },
		{ &leaf, &stranger, &middle, &stranger },
		{ &leaf, &middle, &middle },
		{ &leaf, &namesake, &middle },
		{ &leaf, &stranger, &namesake, &middle, &root },
		{ &leaf, &shouting },
		{ &deep, &middle, &lower },
		{ &deep, &root, &leaf, &middle, &stranger, &lower },
		{ &direct },
		{ &direct, &direct },
		{ &direct, &stranger, &lower },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		size_t count = 0;

		while (count < 6 && chains[i][count])
			count++;
		assert_int_equal(judge(&root, chains[i], count, "head").verdict, VERDICT_GOOD);
	}
}

/* Each row changes one thing of a chain that is good; what is wrong is found, and said. */
static void test_faults(void **state)
{
#define L .subject = "head", .issuer = "Middle", .key = LEAF, .signer = MIDDLE, .names = "DNS:head"
#define M .subject = "Middle", .issuer = "Root", .key = MIDDLE, .signer = ROOT
	static const struct {
		struct spec leaf, middle;
		enum path_fault fault;
		const char *words;
	} rows[] = {
		{ { L }, { M, .authority = 1 }, PATH_GOOD, "" },
		{ { L, .authority = 3, .usage = 0x80, .purpose = SERVER_AUTH },
		  { M, .authority = 1, .usage = 0x06 },
		  PATH_GOOD,
		  "" },
		{ { L }, { M, .authority = 1, .purpose = SERVER_AUTH }, PATH_GOOD, "" },
		{ { L },
		  { M, .authority = 1, .purpose = "\x55\x1d\x25" },
		  PATH_NO_SERVER,
		  "the certificate of the authority \"Middle\" is not for servers (serverAuth" },
		{ { L }, { M, .authority = 2 }, PATH_GOOD, "" },
		{ { L },
		  { M },
		  PATH_NO_AUTHORITY,
		  "\"Middle\" stands behind another one, but is none of an authority" },
		{ { L }, { M, .authority = 3 }, PATH_NO_AUTHORITY, "basicConstraints" },
		{ { L }, { M, .authority = 1, .usage = 0x80 }, PATH_NO_SIGNER, "\"Middle\" does not allow" },
		{ { L, .usage = 0x20 }, { M, .authority = 1 }, PATH_NO_SIGNER, "its certificate does not allow" },
		{ { L, .purpose = CLIENT_AUTH },
		  { M, .authority = 1 },
		  PATH_NO_SERVER,
		  "its certificate is not for servers" },
		{ { L },
		  { M, .authority = 1, .purpose = CLIENT_AUTH },
		  PATH_NO_SERVER,
		  "\"Middle\" is not for servers" },
		{ { L, .more = "\x55\x1d\x20" }, { M, .authority = 1, .more = "\x55\x1d\x24" }, PATH_GOOD, "" },
		{ { L, .more = "\x2a\x03\x04\x05" },
		  { M, .authority = 1 },
		  PATH_UNKNOWN,
		  "understood and is not: 1.2.3.4.5" },
		{ { L }, { M, .authority = 1, .more = "\x88\x37\x01" }, PATH_UNKNOWN, "\"Middle\" has an extension" },
		{ { L, .to = "260101000000Z" },
		  { M, .authority = 1 },
		  PATH_EXPIRED,
		  "today is 2027-01-15, its certificate is from 2020-01-01 to 2026-01-01" },
		{ { L },
		  { M, .authority = 1, .to = "260101000000Z" },
		  PATH_EXPIRED,
		  "authority \"Middle\" is from 2020" },
		{ { L, .from = "300101000000Z" },
		  { M, .authority = 1 },
		  PATH_NOT_YET,
		  "from 2030-01-01 to 2040-01-01" },
		{ { L, .from = "301301000000Z" }, { M, .authority = 1 }, PATH_DATES, "has dates that cannot be read" },
		{ { L, .algorithm = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05" },
		  { M, .authority = 1 },
		  PATH_ALGORITHM,
		  "SHA-1" },
		{ { L, .algorithm = "\x2b\x65\x70" }, { M, .authority = 1 }, PATH_ALGORITHM, "Ed25519" },
		{ { .subject = "head", .issuer = "Middle", .key = LEAF, .signer = STRANGER, .names = "DNS:head" },
		  { M, .authority = 1 },
		  PATH_SIGNATURE,
		  "not signed by the authority it names" },
		{ { L },
		  { .subject = "Middle", .issuer = "Gone", .key = MIDDLE, .signer = STRANGER, .authority = 1 },
		  PATH_NOBODY,
		  "none of the 1 authorities stands behind it: the certificate of the authority \"Middle\" is by "
		  "\"Gone\"" },
		{ { .subject = "head", .issuer = "head", .key = LEAF, .signer = LEAF, .names = "DNS:head" },
		  { M, .authority = 1 },
		  PATH_NOBODY,
		  "its certificate is signed by itself only" },
		{ { L },
		  { M, .authority = 1, .permitted = "DNS:elsewhere" },
		  PATH_FORBIDDEN,
		  "its certificate is for head, which the name constraints of \"Middle\" do not allow" },
		{ { L }, { M, .authority = 1, .permitted = "DNS:head" }, PATH_GOOD, "" },
		{ { L }, { M, .authority = 1, .excluded = "DNS:head" }, PATH_FORBIDDEN, "head" },
		{ { L },
		  { M, .authority = 1, .twice = true },
		  PATH_NOBODY,
		  "its certificate is by \"Middle\", of which the server sent no" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct spec *chain[] = { &rows[i].leaf, &rows[i].middle };
		struct outcome o = judge(&root, chain, 2, "head");

		if (o.fault != rows[i].fault || !strstr(o.words, rows[i].words))
			print_error("row %zu: %d %s\n", i, (int)o.fault, o.words);
		assert_int_equal(o.verdict, rows[i].fault ? VERDICT_PATH : VERDICT_GOOD);
		assert_int_equal(o.fault, rows[i].fault);
		assert_non_null(strstr(o.words, rows[i].words));
	}
#undef L
#undef M
}

/* What the root says of itself holds as well; a path length counts authorities below, not the server's. */
static void test_roots(void **state)
{
	static const struct spec strict = {
		.subject = "Root", .issuer = "Root", .key = ROOT, .signer = ROOT, .authority = 2
	};
	static const struct spec narrow = {
		.subject = "Root", .issuer = "Root", .key = ROOT, .signer = ROOT, .authority = 1, .permitted = "DNS:lab"
	};
	static const struct spec old = { .subject = "Root", .issuer = "Root", .key = ROOT, .signer = ROOT };
	static const struct spec own = {
		.subject = "head", .issuer = "Gone", .key = LEAF, .signer = LEAF, .names = "DNS:head"
	};
	static const struct spec below = {
		.subject = "tail", .issuer = "head", .key = LOWER, .signer = LEAF, .names = "DNS:head"
	};
	static const struct spec *const short_chain[] = { &direct }, *const long_chain[] = { &leaf, &middle },
					*const own_chain[] = { &own }, *const below_chain[] = { &below };

	(void)state;
	assert_int_equal(judge(&strict, short_chain, 1, "head").verdict, VERDICT_GOOD);
	assert_int_equal(judge(&strict, long_chain, 2, "head").fault, PATH_TOO_LONG);
	assert_int_equal(judge(&narrow, short_chain, 1, "head").fault, PATH_FORBIDDEN);
	assert_int_equal(judge(&old, long_chain, 2, "head").verdict, VERDICT_GOOD);
	assert_int_equal(judge(&own, own_chain, 1, "head").verdict, VERDICT_GOOD); /* itself in the bundle */
	assert_int_equal(judge(&own, below_chain, 1, "head").fault, PATH_NO_AUTHORITY);
	assert_int_equal(judge(&own, long_chain, 2, "head").verdict, VERDICT_GOOD); /* the same name and key */
}

/* Where the clock stands in 1970 there has to be one moment at which all are valid. */
static void test_no_common_moment(void **state)
{
	static const struct spec late = { .subject = "head",
					  .issuer = "Middle",
					  .key = LEAF,
					  .signer = MIDDLE,
					  .names = "DNS:head",
					  .from = "300101000000Z" };
	static const struct spec early = { .subject = "Middle",
					   .issuer = "Root",
					   .key = MIDDLE,
					   .signer = ROOT,
					   .authority = 1,
					   .to = "290101000000Z" };
	static const struct spec *const good[] = { &late, &middle }, *const bad[] = { &late, &early };

	(void)state;
	assert_int_equal(judge_at(&root, good, 2, "head", 0, NOW).verdict, VERDICT_GOOD);
	assert_int_equal(judge_at(&root, bad, 2, "head", 0, NOW).fault, PATH_EXPIRED);
}

/* Authorities that all stand behind each other, and none behind them: an end within a second. */
static void test_loops(void **state)
{
	enum { SIZE = 14 };
	struct spec specs[SIZE * SIZE + 1];
	const struct spec *chain[SIZE * SIZE + 1];
	static const char *const names[SIZE] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n" };
	struct timespec start, end;
	struct outcome o;

	(void)state;
	specs[0] = (struct spec){ .subject = "head", .issuer = "a", .key = 99, .signer = 10, .names = "DNS:head" };
	for (int i = 0; i < SIZE * SIZE; i++)
		specs[i + 1] = (struct spec){ .subject = names[i / SIZE],
					      .issuer = names[i % SIZE],
					      .key = 10 + i / SIZE,
					      .signer = 10 + i % SIZE,
					      .authority = 1 };
	for (int i = 0; i <= SIZE * SIZE; i++)
		chain[i] = &specs[i];
	clock_gettime(CLOCK_MONOTONIC, &start);
	o = judge(&root, chain, ARRAY_SIZE(chain), "head");
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(o.fault, PATH_COSTLY);
	assert_non_null(strstr(o.words, "too many certificates"));
	assert_true(end.tv_sec - start.tv_sec < 20); /* with sanitizers, and the making of 197 certificates */
}

/* ---- names */

static void test_hosts(void **state)
{
	static const struct {
		const char *names, *host;
		bool good;
	} rows[] = {
		{ "DNS:head", "head", true },
		{ "DNS:Head.Lab", "hEAD.lAB", true },
		{ "DNS:head.lab", "head.lab.", true },
		{ "DNS:head.lab.", "head.lab", true },
		{ "DNS:*.lab", "head.lab", true },
		{ "DNS:*.lab", "a.head.lab", false },
		{ "DNS:*.lab", "lab", false },
		{ "DNS:*.lab", ".lab", false },
		{ "DNS:*", "head", false },
		{ "DNS:h*.lab", "head.lab", false },
		{ "DNS:*.*.lab", "a.b.lab", false },
		{ "DNS:a.*.lab", "a.b.lab", false },
		{ "DNS:head DNS:b", "b", true },
		{ "DNS:headx", "head", false },
		{ "DNS:10.0.0.1", "10.0.0.1", false },
		{ "DNS:*.0.0.1", "10.0.0.1", false },
		{ "IP:10.0.0.1", "10.0.0.1", true },
		{ "IP:10.0.0.1", "10.0.0.2", false },
		{ "IP:fe80::1", "fe80::1", true },
		{ "IP:fe80::1", "fe80:0::0:1", true },
		{ "email:head", "head", false },
		{ "URI:head", "head", false },
		{ "DNS:", "head", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec s = {
			.subject = "head", .issuer = "Root", .key = LEAF, .signer = ROOT, .names = rows[i].names
		};
		const struct spec *chain[] = { &s };
		struct outcome o = judge(&root, chain, 1, rows[i].host);

		if ((o.verdict == VERDICT_GOOD) != rows[i].good)
			print_error("row %zu: %s\n", i, o.words);
		assert_int_equal(o.verdict, rows[i].good ? VERDICT_GOOD : VERDICT_NAME);
	}
}

/* The words for another server's certificate say whose it is; a CN is no name of a server. */
static void test_words_on_names(void **state)
{
	static const struct spec many = { .subject = "head",
					  .issuer = "Root",
					  .key = LEAF,
					  .signer = ROOT,
					  .names = "DNS:a DNS:b\x1b IP:10.0.0.1 DNS:c DNS:d DNS:e" };
	static const struct spec none = { .subject = "head", .issuer = "Root", .key = LEAF, .signer = ROOT };
	static const struct spec *const chains[][1] = { { &many }, { &none } };

	(void)state;
	assert_string_equal(judge(&root, chains[0], 1, "head").words,
			    "its certificate is not for this name, but for a, b?, 10.0.0.1, c and 2 more");
	assert_non_null(
		strstr(judge(&root, chains[1], 1, "head").words, "no subjectAltName, and its CN does not count"));
}

static void test_constraints(void **state)
{
	static const struct {
		const char *permitted, *excluded, *names, *subject;
		bool forbidden;
	} rows[] = {
		/* RFC 5280, section 4.2.1.10: a form that is not constrained is free */
		{ "DNS:lab", NULL, "IP:10.0.0.1", "", false },
		{ "DNS:lab", NULL, "DNS:lab", "", false },
		{ "DNS:lab", NULL, "DNS:a.b.LAB", "", false },
		{ "DNS:lab", NULL, "DNS:slab", "", true },
		{ "DNS:lab", NULL, "DNS:a.lab DNS:b", "", true },
		{ "DNS:lab DNS:b", NULL, "DNS:a.lab DNS:b", "", false },
		{ "DNS:.lab", NULL, "DNS:a.lab", "", false },
		{ "DNS:.lab", NULL, "DNS:lab", "", true },
		{ "DNS:", NULL, "DNS:anything", "", false },
		{ NULL, "DNS:", "DNS:anything", "", true },
		{ NULL, "DNS:a.lab", "DNS:b.lab", "", false },
		{ NULL, "DNS:a.lab", "DNS:c.a.lab", "", true },
		{ NULL, "DNS:a.lab", "DNS:a.lab.", "", true },
		{ NULL, "DNS:a.lab", "DNS:*.lab", "", true },
		{ NULL, "DNS:a.b.lab", "DNS:*.lab", "", false },
		{ NULL, "DNS:lab", "DNS:*.lab", "", true },
		{ "DNS:lab", NULL, "DNS:*.lab", "", false },
		{ "DNS:a.lab", NULL, "DNS:*.lab", "", true },
		{ "DNS:lab", "DNS:a.lab", "DNS:b.lab", "", false },
		{ "DNS:lab", "DNS:a.lab", "DNS:a.lab", "", true },
		{ "IP:10.0.0.0/255.0.0.0", NULL, "IP:10.1.2.3", "", false },
		{ "IP:10.0.0.0/255.0.0.0", NULL, "IP:11.1.2.3", "", true },
		{ "IP:10.0.0.0/255.0.0.0", NULL, "IP:fe80::1", "", true },
		{ "IP:fe80::/ffff::", NULL, "IP:fe80::1", "", false },
		{ "IP:0.0.0.0/0.0.0.0", NULL, "IP:1.2.3.4", "", false },
		{ NULL, "IP:10.0.0.0/255.255.255.254", "IP:10.0.0.1", "", true },
		{ NULL, "IP:10.0.0.0/255.255.255.254", "IP:10.0.0.2", "", false },
		{ "IP:10.0.0.0", NULL, "IP:10.0.0.0", "", true }, /* no mask */
		{ "email:lab", NULL, "email:me@lab", "", false },
		{ "email:lab", NULL, "email:me@a.lab", "", true },
		{ "email:.lab", NULL, "email:me@a.lab", "", false },
		{ "email:me@lab", NULL, "email:me@lab", "", false },
		{ "email:me@lab", NULL, "email:you@lab", "", true },
		{ "URI:lab", NULL, "URI:http://me@lab:80/x", "", false },
		{ "URI:lab", NULL, "URI:http://b/lab", "", true },
		{ "URI:lab", NULL, "URI:lab", "", true },
		{ NULL, "URI:lab", "URI:lab", "", true },
		{ "dir:Org", NULL, NULL, "Org", false },
		{ "dir:Lab", NULL, NULL, "Org", true },
		{ "dir:Lab/x", NULL, NULL, "lab/X", false },
		{ "dir:Lab/x", NULL, NULL, "lab/y", true },
		{ NULL, "dir:Lab/x", NULL, "lab/X", true },
		{ "dir:Lab/x", NULL, "dir:lab/y", "", true },
		{ "dir:Lab/x", NULL, "DNS:a", "", false }, /* an empty subject is no name */
		/* a form that is not read here */
		{ "other:a", NULL, "DNS:a", "", false },
		{ "other:a", NULL, "DNS:a other:a", "", true },
		{ NULL, "other:a", "DNS:a other:b", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec top = { .subject = "Root",
				    .issuer = "Root",
				    .key = ROOT,
				    .signer = ROOT,
				    .authority = 1,
				    .permitted = rows[i].permitted,
				    .excluded = rows[i].excluded };
		struct spec one = { .subject = rows[i].subject,
				    .issuer = "Root",
				    .key = LEAF,
				    .signer = ROOT,
				    .names = rows[i].names };
		cleanup_buf struct buf a = { 0 }, b = { 0 }, name = { 0 };
		struct certificate authority, c;
		size_t budget = 100;
		bool got;

		make(&a, &top);
		make(&b, &one);
		assert_int_equal(certificate_parse(&authority, (uint8_t *)a.data, a.len), 0);
		assert_int_equal(certificate_parse(&c, (uint8_t *)b.data, b.len), 0);
		got = names_forbidden(&authority, &c, &budget, &name);
		if (got != rows[i].forbidden)
			print_error("row %zu: %s\n", i, buf_cstr(&name));
		assert_int_equal(got, rows[i].forbidden);
		budget = 1;
		assert_true(names_forbidden(&authority, &c, &budget, &name));
		assert_int_equal(budget, 0);
	}
}

/* ---- RSA, held against BearSSL */

static void test_rsa(void **state)
{
	static const unsigned sizes[] = { 1024, 1027, 2048 };
	static const unsigned char oid[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 };
	br_hmac_drbg_context random;

	(void)state;
	br_hmac_drbg_init(&random, &br_sha256_vtable, "seed", 4);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char secret[BR_RSA_KBUF_PRIV_SIZE(2048)], public[BR_RSA_KBUF_PUB_SIZE(2048)];
		unsigned char sig[256], a[256], b[256], hash[32] = { 1, 2, 3 }, got[32];
		br_rsa_private_key sk;
		br_rsa_public_key pk;
		size_t len = (sizes[i] + 7) / 8;

		assert_int_equal(br_rsa_i31_keygen(&random.vtable, &sk, secret, &pk, public, sizes[i], i ? 65537 : 3),
				 1);
		memset(sig, 0, sizeof(sig));
		br_hmac_drbg_generate(&random, sig + 1, len - 1);
		memcpy(b, sig, len);
		assert_int_equal(br_rsa_i31_public(b, len, &pk), 1);
		assert_true(rsa_public(a, sig, len, &pk));
		assert_memory_equal(a, b, len);
		assert_false(rsa_public(a, sig, len - 1, &pk));
		assert_false(rsa_public(a, pk.n, pk.nlen, &pk)); /* not below the modulus */

		assert_int_equal(br_rsa_i31_pkcs1_sign(oid, hash, 32, &sk, sig), 1);
		assert_int_equal(rsa_pkcs1_verify(sig, len, oid, 32, &pk, got), 1);
		assert_memory_equal(hash, got, 32);
		sig[len / 2] ^= 1;
		assert_int_equal(rsa_pkcs1_verify(sig, len, oid, 32, &pk, got), 0);
	}
}

/* ---- refusals */

static void test_refusals(void **state)
{
	static const struct {
		int error;
		const char *head; /* what the server said first */
		size_t head_len;
		bool wants_certificate;
		const char *words;
	} rows[] = {
		{ BR_ERR_RECV_FATAL_ALERT + 70, "\x15\3\3\0\2\2F", 7, false,
		  "does not speak TLS 1.2: enable it there" },
		{ BR_ERR_RECV_FATAL_ALERT + 40, "\x15\3\3\0\2\2(", 7, false, "has to offer TLS 1.2, ECDHE" },
		{ BR_ERR_RECV_FATAL_ALERT + 40, "\x16\3\3\0\2\2(", 7, true, "wants a certificate of this machine" },
		{ BR_ERR_RECV_FATAL_ALERT + 112, "\x15\3\3\0\2\2(", 7, false, "no site of this name" },
		{ BR_ERR_RECV_FATAL_ALERT + 200, "\x15\3\3\0\2\2(", 7, false, "alert 200" },
		{ BR_ERR_BAD_VERSION, "SSH-2.0\r\n", 9, false, "the answer is no TLS; it begins with: SSH-2.0" },
		{ BR_ERR_BAD_VERSION, "\x1b[2J\n", 5, false, "begins with: ?[2J" },
		{ BR_ERR_UNSUPPORTED_VERSION, "\x16\3\2\0\x31\2\0\0\x2d\3\2", 11, false, "it speaks TLS 1.1 at most" },
		{ BR_ERR_BAD_MAC, "\x16\3\3\0\x31\2\0\0\x2d\3\3", 11, false, "arrived damaged" },
		{ BR_ERR_BAD_CCS, "\x16\3\3\0\x31\2\0\0\x2d\3\3", 11, false, "rules of TLS" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct refusal r = { .error = rows[i].error,
				     .head_len = rows[i].head_len,
				     .wants_certificate = rows[i].wants_certificate };
		cleanup_buf struct buf words = { 0 };

		memcpy(r.head, rows[i].head, rows[i].head_len);
		refusal_words(&words, &r);
		if (!strstr(buf_cstr(&words), rows[i].words))
			print_error("row %zu: %s\n", i, buf_cstr(&words));
		assert_non_null(strstr(buf_cstr(&words), rows[i].words));
	}
}

/* What a second look at the server learns: its ServerHello, its key exchange, in records of any size. */
static void test_second_looks(void **state)
{
	enum { NONE = 0xffff };
	static const struct {
		unsigned version, suite;
		bool extended;
		unsigned group, signature; /* NONE: there is no key exchange */
		const char *words;         /* NULL: it would have been fine */
	} rows[] = {
		{ 0x0303, 0xc02b, false, 0x17, 0x0403, NULL },
		{ 0x0303, 0xc02b, true, 0x17, 0x0403, "extended master secret" },
		{ 0x0303, 0x009f, true, NONE, NONE, "the cipher suite DHE-RSA-AES256-GCM, but none" },
		{ 0x0303, 0x1234, true, NONE, NONE, "the cipher suite it likes best" },
		{ 0x0303, 0xc02f, true, 0x1e, 0x0401, "the curve X448 only" },
		{ 0x0303, 0xc02f, true, 0x1d, 0x0804, "a signature with RSA-PSS only" },
		{ 0x0303, 0xc02b, true, 0x1d, 0x0807, "a signature with Ed25519" },
		{ 0x0302, 0xc014, false, NONE, NONE, "TLS 1.1 at most" },
		{ 0x0304, 0x1301, false, NONE, NONE, "TLS 1.3 only: enable TLS 1.2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t m[300] = { 2, 0, 0, 0, (uint8_t)(rows[i].version >> 8), (uint8_t)rows[i].version }, wire[600];
		bool newest = rows[i].version == 0x0304;
		cleanup_buf struct buf words = { 0 };
		struct look look, none = { 0 };
		size_t n = 39, w = 0;

		if (newest)
			m[5] = 3;
		m[n++] = (uint8_t)(rows[i].suite >> 8);
		m[n++] = (uint8_t)rows[i].suite;
		n += 2; /* no compression; the high byte of the extensions' length */
		m[n++] = (uint8_t)(newest ? 6 : rows[i].extended ? 4 : 0);
		if (newest) {
			memcpy(m + n, "\0\x2b\0\2\3\4", 6);
			n += 6;
		} else if (rows[i].extended) {
			memcpy(m + n, "\0\x17\0", 4);
			n += 4;
		}
		m[3] = (uint8_t)(n - 4);
		if (rows[i].group != NONE) {
			const uint8_t exchange[] = { 12,
						     0,
						     0,
						     7,
						     3,
						     0,
						     (uint8_t)rows[i].group,
						     1,
						     4,
						     (uint8_t)(rows[i].signature >> 8),
						     (uint8_t)rows[i].signature };

			memcpy(m + n, exchange, sizeof(exchange));
			n += sizeof(exchange);
		}
		for (size_t at = 0, part; at < n; at += part) { /* records of 30 bytes */
			part = MIN(n - at, (size_t)30);
			memcpy(wire + w, (const uint8_t[]){ 22, 3, 3, 0, (uint8_t)part }, 5);
			memcpy(wire + w + 5, m + at, part);
			w += part + 5;
		}
		for (size_t cut = 0; cut < w; cut++) {
			uint8_t *exact = malloc(cut + 1);

			memcpy(exact, wire, cut);
			look_parse(&look, exact, cut);
			free(exact);
		}
		look_parse(&look, wire, w);
		assert_int_equal(look_words(&words, newest ? &none : &look, newest ? &look : &none),
				 rows[i].words != NULL);
		if (rows[i].words && !strstr(buf_cstr(&words), rows[i].words))
			print_error("row %zu: %s\n", i, buf_cstr(&words));
		assert_non_null(strstr(buf_cstr(&words), rows[i].words ? rows[i].words : ""));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_no_common_moment),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_words_on_names),
		cmocka_unit_test(test_constraints),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_second_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
