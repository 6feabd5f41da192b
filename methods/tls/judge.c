/* judge.c - a server's certificates -> is it who it should be: by authorities, name and date, or by a pinned key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/judge.h"

#include "methods/tls/signature.h"

#include <arpa/inet.h>

static struct judge *self(const br_x509_class *const *context)
{
	return container_of((const br_x509_class **)(uintptr_t)context, struct judge, vtable);
}

/* ---- what comes is kept until all is there: its order means nothing */

static void start_chain(const br_x509_class **context, const char *server_name)
{
	(void)context;
	(void)server_name;
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
	struct judge *j = self(context);

	j->too_much |= length > CERTIFICATES_MAX || j->bytes.len + length > CERTIFICATES_MAX;
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
	struct judge *j = self(context);

	if (!j->too_much)
		buf_add(&j->bytes, bytes, len);
}

static void end_cert(const br_x509_class **context)
{
	struct judge *j = self(context);

	buf_add(&j->ends, &j->bytes.len, sizeof(j->bytes.len));
}

/* ---- the verdict */

static enum verdict read_sent(struct judge *j)
{
	size_t count = j->ends.len / sizeof(size_t), start = 0;

	if (!count)
		return VERDICT_NO_CERTIFICATE;
	free(j->sent);
	j->sent = calloc(count, sizeof(*j->sent));
	if (!j->sent || j->bytes.failed || j->ends.failed)
		return VERDICT_MEMORY;
	for (size_t i = 0; i < count; i++) {
		size_t end;

		memcpy(&end, j->ends.data + i * sizeof(end), sizeof(end));
		if (certificate_parse(&j->sent[j->count], (uint8_t *)j->bytes.data + start, end - start) == 0)
			j->count++;
		else if (i == 0)
			return VERDICT_UNREADABLE;
		start = end;
	}
	return VERDICT_GOOD;
}

static bool is_pinned(const struct judge *j)
{
	br_sha256_context sum;
	uint8_t got[32];

	br_sha256_init(&sum);
	br_sha256_update(&sum, j->sent->key.p, j->sent->key.len);
	br_sha256_out(&sum, got);
	return memcmp(got, j->pin, sizeof(got)) == 0;
}

static bool is_for_host(const struct judge *j)
{
	return j->ip_len ? certificate_has_ip(j->sent, j->ip, j->ip_len) : certificate_has_host(j->sent, j->host);
}

/* The pinned key is trusted whatever else its certificate says. */
static enum verdict decide(struct judge *j)
{
	enum verdict read = j->too_much ? VERDICT_TOO_MUCH : read_sent(j);

	if (read != VERDICT_GOOD)
		return read;
	if (j->pin && !is_pinned(j))
		return VERDICT_NOT_PINNED;
	j->key_fault = key_parse(&j->key, j->sent->key);
	if (j->key_fault)
		return VERDICT_KEY;
	if (j->pin)
		return VERDICT_GOOD;
	j->path.sent = j->sent;
	j->path.count = j->count;
	if (!path_find(&j->path))
		return VERDICT_PATH;
	return is_for_host(j) ? VERDICT_GOOD : VERDICT_NAME;
}

static unsigned end_chain(const br_x509_class **context)
{
	struct judge *j = self(context);

	j->verdict = decide(j);
	return j->verdict == VERDICT_GOOD ? 0 : BR_ERR_X509_NOT_TRUSTED;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *context, unsigned *usages)
{
	struct judge *j = self(context);

	if (usages)
		*usages = BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN;
	return &j->key;
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

void judge_init(struct judge *j, const char *host, const uint8_t *pin, const struct anchors *anchors, int64_t clock,
		int64_t released)
{
	*j = (struct judge){ .vtable = &judge_class, .host = host, .pin = pin };
	j->path.anchors = anchors;
	j->path.seconds = MAX(clock, released);
	j->path.at_least = clock < released;
	if (inet_pton(AF_INET, host, j->ip) == 1)
		j->ip_len = 4;
	else if (inet_pton(AF_INET6, host, j->ip) == 1)
		j->ip_len = 16;
}

void judge_free(struct judge *j)
{
	buf_free(&j->bytes);
	buf_free(&j->ends);
	free(j->sent);
	path_free(&j->path);
}
