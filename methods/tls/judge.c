/* judge.c - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/judge.h"

#include <arpa/inet.h>

/* Days from the year 0, which BearSSL counts from, to 1970. */
#define DAYS_TO_1970 719528

static struct judge *self(const br_x509_class *const *context)
{
	return container_of((const br_x509_class **)(uintptr_t)context, struct judge, vtable);
}

static void start_chain(const br_x509_class **context, const char *server_name)
{
	struct judge *j = self(context);

	j->index = 0;
	j->leaf_read = j->leaf_has_ip = j->leaf_has_pin = j->too_long = false;
	if (!j->pin)
		j->chain.vtable->start_chain(&j->chain.vtable, server_name);
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
	struct judge *j = self(context);

	j->len = 0;
	j->too_long |= length > sizeof(j->bytes);
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
	struct judge *j = self(context);
	size_t n = MIN(len, sizeof(j->bytes) - j->len);

	memcpy(j->bytes + j->len, bytes, n);
	j->len += n;
}

static bool is_pinned(const struct judge *j, const struct certificate *c)
{
	br_sha256_context sum;
	uint8_t got[32];

	br_sha256_init(&sum);
	br_sha256_update(&sum, c->key.p, c->key.len);
	br_sha256_out(&sum, got);
	return memcmp(got, j->pin, sizeof(got)) == 0;
}

static void copy_date(char date[static 16], const struct der *from)
{
	size_t n = MIN(from->len, (size_t)15);

	memcpy(date, from->p, n);
	date[n] = '\0';
}

static void look_at_leaf(struct judge *j, const struct certificate *c)
{
	j->leaf_read = true;
	j->leaf_has_ip = certificate_has_ip(c, j->ip, j->ip_len);
	j->leaf_has_pin = j->pin && is_pinned(j, c);
	copy_date(j->not_before, &c->not_before);
	copy_date(j->not_after, &c->not_after);
}

static void set_time(struct judge *j, int64_t seconds)
{
	br_x509_minimal_set_time(&j->chain, (uint32_t)(seconds / 86400 + DAYS_TO_1970), (uint32_t)(seconds % 86400));
}

/* A certificate is there whole. */
static void end_cert(const br_x509_class **context)
{
	struct judge *j = self(context);
	struct certificate c;
	int64_t start;
	bool read = certificate_parse(&c, j->bytes, j->len) == 0;

	if (read && j->index == 0)
		look_at_leaf(j, &c);
	if (j->pin) {
		if (j->index == 0) {
			br_x509_decoder_init(&j->key, NULL, NULL);
			br_x509_decoder_push(&j->key, j->bytes, j->len);
		}
	} else {
		set_time(j, read && j->at_least && !certificate_time(&c.not_before, &start) ? MAX(start, j->seconds)
											    : j->seconds);
		j->chain.vtable->start_cert(&j->chain.vtable, (uint32_t)j->len);
		j->chain.vtable->append(&j->chain.vtable, j->bytes, j->len);
		j->chain.vtable->end_cert(&j->chain.vtable);
	}
	j->index++;
}

/* The pinned key is trusted whatever else the certificate says. */
static unsigned check_pin(struct judge *j)
{
	if (!j->leaf_has_pin)
		return BR_ERR_X509_NOT_TRUSTED;
	return br_x509_decoder_get_pkey(&j->key) ? 0 : (unsigned)br_x509_decoder_last_error(&j->key);
}

static unsigned end_chain(const br_x509_class **context)
{
	struct judge *j = self(context);
	unsigned err;

	if (j->too_long)
		return BR_ERR_X509_LIMIT_EXCEEDED;
	if (j->pin)
		return check_pin(j);
	err = j->chain.vtable->end_chain(&j->chain.vtable);
	if (!err && j->ip_len && !j->leaf_has_ip)
		err = BR_ERR_X509_BAD_SERVER_NAME;
	return err;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *context, unsigned *usages)
{
	struct judge *j = self(context);

	if (!j->pin)
		return j->chain.vtable->get_pkey(&j->chain.vtable, usages);
	if (usages)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return br_x509_decoder_get_pkey(&j->key);
}

static const br_x509_class judge_class = {
	.context_size = sizeof(struct judge),
	.start_chain = start_chain,
	.start_cert = start_cert,
	.append = append,
	.end_cert = end_cert,
	.end_chain = end_chain,
	.get_pkey = get_pkey,
};

static void init_chain(struct judge *j, const struct anchors *a)
{
	br_x509_minimal_context *c = &j->chain;

	br_x509_minimal_init(c, &br_sha256_vtable, a->list, a->count);
	br_x509_minimal_set_rsa(c, br_rsa_i31_pkcs1_vrfy);
	br_x509_minimal_set_ecdsa(c, &br_ec_all_m31, br_ecdsa_i31_vrfy_asn1);
	br_x509_minimal_set_hash(c, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(c, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(c, br_sha512_ID, &br_sha512_vtable);
}

const char *judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors,
		       int64_t clock, int64_t released)
{
	*j = (struct judge){ .vtable = &judge_class, .pin = pin };
	j->seconds = MAX(clock, released);
	j->at_least = clock < released;
	if (inet_pton(AF_INET, host, j->ip) == 1)
		j->ip_len = 4;
	else if (inet_pton(AF_INET6, host, j->ip) == 1)
		j->ip_len = 16;
	init_chain(j, anchors);
	return j->ip_len ? NULL : host;
}
