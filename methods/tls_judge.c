/* tls_judge.c - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls_judge.h"

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

	j->index = j->leaf_len = 0;
	j->leaf_read = false;
	if (!j->pin)
		j->chain.vtable->start_chain(&j->chain.vtable, server_name);
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
	struct judge *j = self(context);

	if (!j->pin)
		j->chain.vtable->start_cert(&j->chain.vtable, length);
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
	struct judge *j = self(context);

	/* One that is too long is cut, and then is none. */
	if (j->index == 0) {
		size_t n = MIN(len, sizeof(j->leaf) - j->leaf_len);

		memcpy(j->leaf + j->leaf_len, bytes, n);
		j->leaf_len += n;
	}
	if (!j->pin)
		j->chain.vtable->append(&j->chain.vtable, bytes, len);
}

static void end_cert(const br_x509_class **context)
{
	struct judge *j = self(context);

	if (j->index++ == 0)
		j->leaf_read = certificate_parse(&j->certificate, j->leaf, j->leaf_len) == 0;
	if (!j->pin)
		j->chain.vtable->end_cert(&j->chain.vtable);
}

/* The pinned key is trusted whatever else the certificate says. */
static unsigned check_pin(struct judge *j)
{
	br_sha256_context sum;
	uint8_t got[32];

	if (!j->leaf_read)
		return BR_ERR_X509_INVALID_VALUE;
	br_sha256_init(&sum);
	br_sha256_update(&sum, j->certificate.key.p, j->certificate.key.len);
	br_sha256_out(&sum, got);
	if (memcmp(got, j->pin, sizeof(got)) != 0)
		return BR_ERR_X509_NOT_TRUSTED;
	br_x509_decoder_init(&j->key, NULL, NULL);
	br_x509_decoder_push(&j->key, j->leaf, j->leaf_len);
	return br_x509_decoder_get_pkey(&j->key) ? 0 : (unsigned)br_x509_decoder_last_error(&j->key);
}

static unsigned end_chain(const br_x509_class **context)
{
	struct judge *j = self(context);
	unsigned err;

	if (j->pin)
		return check_pin(j);
	err = j->chain.vtable->end_chain(&j->chain.vtable);
	if (!err && j->ip_len && (!j->leaf_read || !certificate_has_ip(&j->certificate, j->ip, j->ip_len)))
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

static void init_chain(struct judge *j, const struct anchors *a, int64_t seconds)
{
	br_x509_minimal_context *c = &j->chain;

	br_x509_minimal_init(c, &br_sha256_vtable, a->list, a->count);
	br_x509_minimal_set_rsa(c, br_rsa_i31_pkcs1_vrfy);
	br_x509_minimal_set_ecdsa(c, &br_ec_all_m31, br_ecdsa_i31_vrfy_asn1);
	br_x509_minimal_set_hash(c, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(c, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(c, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_time(c, (uint32_t)(seconds / 86400 + DAYS_TO_1970), (uint32_t)(seconds % 86400));
}

int64_t judge_clock(int64_t clock, int64_t released)
{
	return MAX(clock, released);
}

const char *judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors,
		       int64_t seconds)
{
	*j = (struct judge){ .vtable = &judge_class, .pin = pin };
	if (inet_pton(AF_INET, host, j->ip) == 1)
		j->ip_len = 4;
	else if (inet_pton(AF_INET6, host, j->ip) == 1)
		j->ip_len = 16;
	init_chain(j, anchors, seconds);
	return j->ip_len ? NULL : host;
}
