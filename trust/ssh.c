/* ssh.c - what ssh-keygen writes -> public keys, and signatures of namespace "stage1" (PROTOCOL.sshsig). Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/ssh.h"

#include <bearssl.h>

#define PLAIN "ssh-ed25519"
#define TOKEN "sk-ssh-ed25519@openssh.com"
#define MAGIC "SSHSIG"

/* What is left to read; P is NULL once something was missing. */
struct reader {
	const uint8_t *p;
	size_t len;
};

static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (!at || n > r->len) {
		r->p = NULL;
		return NULL;
	}
	r->p += n;
	r->len -= n;
	return at;
}

static uint32_t take_u32(struct reader *r)
{
	const uint8_t *p = take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* A string (RFC 4251, section 5), to be read as well. */
static struct reader take_string(struct reader *r)
{
	size_t len = take_u32(r);
	const uint8_t *p = take(r, len);

	return (struct reader){ p, p ? len : 0 };
}

static bool is(const struct reader *r, const char *word)
{
	return r->p && r->len == strlen(word) && memcmp(r->p, word, r->len) == 0;
}

/* All was there, and nothing is behind it. */
static bool is_done(const struct reader *r)
{
	return r->p && r->len == 0;
}

int ssh_key_parse(struct ssh_key *k, const uint8_t *blob, size_t len)
{
	struct reader r = { blob, len }, kind = take_string(&r), key = take_string(&r), application;

	*k = (struct ssh_key){ .token = is(&kind, TOKEN) };
	if (!key.p || key.len != ED25519_KEY || (!k->token && !is(&kind, PLAIN)))
		return -EBADMSG;
	memcpy(k->key, key.p, ED25519_KEY);
	if (k->token) {
		application = take_string(&r);
		if (!application.p || application.len >= sizeof(k->application) ||
		    memchr(application.p, 0, application.len))
			return -EBADMSG;
		memcpy(k->application, application.p, application.len);
	}
	return is_done(&r) ? 0 : -EBADMSG;
}

bool ssh_key_same(const struct ssh_key *a, const struct ssh_key *b)
{
	return a->token == b->token && memcmp(a->key, b->key, ED25519_KEY) == 0 &&
	       strcmp(a->application, b->application) == 0;
}

/* The innermost part: kind, signature, and what a token adds. */
static int parse_inner(struct ssh_signature *s, struct reader r)
{
	struct reader kind = take_string(&r), bytes = take_string(&r);
	const uint8_t *flags;

	if (!is(&kind, s->key.token ? TOKEN : PLAIN) || bytes.len != ED25519_SIGNATURE)
		return -EBADMSG;
	memcpy(s->signature, bytes.p, ED25519_SIGNATURE);
	if (s->key.token) {
		flags = take(&r, 1);
		s->flags = flags ? *flags : 0;
		s->counter = take_u32(&r);
	}
	return is_done(&r) ? 0 : -EBADMSG;
}

int ssh_signature_parse(struct ssh_signature *s, const uint8_t *blob, size_t len)
{
	struct reader r = { blob, len }, key, name, reserved, hash, inner;
	const uint8_t *magic = take(&r, strlen(MAGIC));

	*s = (struct ssh_signature){ 0 };
	if (!magic || memcmp(magic, MAGIC, strlen(MAGIC)) || take_u32(&r) != 1)
		return -EBADMSG;
	key = take_string(&r);
	name = take_string(&r);
	reserved = take_string(&r);
	hash = take_string(&r);
	inner = take_string(&r);
	if (!is_done(&r) || reserved.len)
		return -EBADMSG;
	s->sha256 = is(&hash, "sha256");
	if ((!s->sha256 && !is(&hash, "sha512")) || !is(&name, SSH_NAMESPACE) || ssh_key_parse(&s->key, key.p, key.len))
		return -EPROTONOSUPPORT;
	return parse_inner(s, inner);
}

/* ---- what is signed */

static void put_string(struct buf *out, const void *bytes, size_t len)
{
	const uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	buf_add(out, head, 4);
	buf_add(out, bytes, len);
}

static size_t sum_of(uint8_t sum[64], bool sha256, const void *bytes, size_t len)
{
	br_sha256_context small;
	br_sha512_context large;

	if (sha256) {
		br_sha256_init(&small);
		br_sha256_update(&small, bytes, len);
		br_sha256_out(&small, sum);
		return 32;
	}
	br_sha512_init(&large);
	br_sha512_update(&large, bytes, len);
	br_sha512_out(&large, sum);
	return 64;
}

void ssh_signed_data(struct buf *out, bool sha256, const void *message, size_t len)
{
	const char *hash = sha256 ? "sha256" : "sha512";
	uint8_t sum[64];
	size_t n = sum_of(sum, sha256, message, len);

	buf_str(out, MAGIC);
	put_string(out, SSH_NAMESPACE, strlen(SSH_NAMESPACE));
	put_string(out, "", 0);
	put_string(out, hash, strlen(hash));
	put_string(out, sum, n);
}

/* A token signs the sums of its application and of the data, with its flags and its counter in between. */
static void wrap_for_token(const struct ssh_signature *s, struct buf *data)
{
	const uint8_t more[5] = { s->flags, (uint8_t)(s->counter >> 24), (uint8_t)(s->counter >> 16),
				  (uint8_t)(s->counter >> 8), (uint8_t)s->counter };
	uint8_t of_data[64], of_application[64];

	sum_of(of_data, true, data->data, data->len);
	sum_of(of_application, true, s->key.application, strlen(s->key.application));
	data->len = 0;
	buf_add(data, of_application, 32);
	buf_add(data, more, sizeof(more));
	buf_add(data, of_data, 32);
}

int ssh_signature_verify(const struct ssh_signature *s, const void *message, size_t len)
{
	cleanup_buf struct buf data = { 0 };

	ssh_signed_data(&data, s->sha256, message, len);
	if (s->key.token && !data.failed)
		wrap_for_token(s, &data);
	if (data.failed)
		return -ENOMEM;
	if (s->key.token && !(s->flags & 1))
		return -EKEYREJECTED;
	return ed25519_verify(s->key.key, data.data, data.len, s->signature);
}
