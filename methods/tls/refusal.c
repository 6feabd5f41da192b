/* refusal.c - why two sides did not agree -> words that say what to change on the server. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/refusal.h"

#include <bearssl.h>

/* RFC 5246, section 6.2.1 */
#define RECORD_ALERT     21
#define RECORD_HANDSHAKE 22

#define OURS "TLS 1.2, ECDHE on P-256, P-384, P-521 or X25519, with AES-GCM or ChaCha20"

struct row {
	int number;
	const char *words;
};

/* What the server says (RFC 5246, section 7.2.2; RFC 6066; RFC 8446, section 6). */
static const struct row alerts[] = {
	{ 0, "the server hung up: is it closing down?" },
	{ 10, "the server says that it did not expect what it got: it may be no server, or another protocol is in "
	      "between" },
	{ 20, "the server says that a record arrived damaged: something in between changes bytes" },
	{ 22, "the server says that a record is too long" },
	{ 40, "the server says that the two have nothing in common: it has to offer " OURS },
	{ 42, "the server says that a certificate is bad" },
	{ 43, "the server says that a certificate is of a kind it does not take" },
	{ 44, "the server says that a certificate is revoked" },
	{ 45, "the server says that a certificate has expired" },
	{ 46, "the server says that it cannot take a certificate" },
	{ 47, "the server says that it does not understand a value" },
	{ 48, "the server says that it does not know the authority of a certificate" },
	{ 49, "the server says that access is denied: it lets nobody in from here" },
	{ 50, "the server says that it cannot read what it got" },
	{ 51, "the server says that a cryptographic check failed" },
	{ 70,
	  "the server says that it does not speak TLS 1.2: enable it there (nginx: ssl_protocols TLSv1.2 TLSv1.3)" },
	{ 71, "the server says that what is offered is not secure enough for it: it has to take " OURS },
	{ 80, "the server says that it has an error of its own: look into its log" },
	{ 86, "the server says that a newer TLS should have been offered" },
	{ 90, "the server says that somebody cancelled" },
	{ 109,
	  "the server says that an extension is missing, as where TLS 1.3 is all it speaks: enable TLS 1.2 there" },
	{ 112, "the server says that it has no site of this name: correct server:, or the server's list of names" },
	{ 115, "the server says that it wants a shared key (PSK): let it use a certificate" },
	{ 116, "the server wants a certificate of this machine, which has none: let it do without one "
	       "(nginx: ssl_verify_client off)" },
	{ 120, "the server says that it does not speak HTTP/1.1 on this port" },
};

/* What this side found (BR_ERR_*). */
static const struct row faults[] = {
	{ BR_ERR_BAD_MAC, "a record arrived damaged: something in between changes bytes" },
	{ BR_ERR_BAD_FINISHED, "somebody in between has changed the handshake" },
	{ BR_ERR_BAD_SIGNATURE, "its key exchange is not signed by the key of its certificate" },
	{ BR_ERR_TOO_LARGE, "it sends records that are longer than TLS allows" },
	{ BR_ERR_BAD_CIPHER_SUITE, "it chose a cipher suite that was not offered: it has to take " OURS },
	{ BR_ERR_INVALID_ALGORITHM, "it chose a curve or a signature that was not offered: it has to take " OURS },
	{ BR_ERR_WRONG_KEY_USAGE, "its certificate has another kind of key than the cipher suite that it chose" },
	{ BR_ERR_LIMIT_EXCEEDED, "its key is too long: RSA may have 8192 bits" },
	{ BR_ERR_BAD_COMPRESSION, "it compresses, which gives secrets away: switch that off there" },
	{ BR_ERR_BAD_SECRENEG, "it answers for another connection: somebody may be in between" },
	{ BR_ERR_EXTRA_EXTENSION, "it answers what was not asked, against the rules of TLS: is it up to date?" },
};

static const char *find(const struct row *rows, size_t count, int number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == number)
			return rows[i].words;
	return NULL;
}

static int alert_of(const struct refusal *r)
{
	return r->error >= BR_ERR_RECV_FATAL_ALERT && r->error < BR_ERR_SEND_FATAL_ALERT ? r->error & 255 : -1;
}

static void add_alert(struct buf *out, int alert, bool wants_certificate)
{
	const char *words = find(alerts, ARRAY_SIZE(alerts), alert);

	if (wants_certificate)
		words = find(alerts, ARRAY_SIZE(alerts), 116);
	if (words)
		buf_printf(out, "%s (alert %d)", words, alert);
	else
		buf_printf(out, "the server refused with alert %d: its log may say why", alert);
}

static bool is_record(const struct refusal *r)
{
	return r->head_len > 1 && (r->head[0] == RECORD_HANDSHAKE || r->head[0] == RECORD_ALERT) && r->head[1] == 3;
}

/* The version that a ServerHello says: 0x0303 for TLS 1.2; 0: it is none. */
static unsigned version_of(const struct refusal *r)
{
	if (r->head_len < 11 || r->head[0] != RECORD_HANDSHAKE || r->head[5] != 2)
		return 0;
	return (unsigned)r->head[9] << 8 | r->head[10];
}

static void add_head(struct buf *out, const struct refusal *r)
{
	for (size_t i = 0; i < r->head_len && r->head[i] != '\r' && r->head[i] != '\n'; i++)
		buf_char(out, r->head[i] >= ' ' && r->head[i] < 0x7f ? (char)r->head[i] : '?');
}

static void add_fault(struct buf *out, const struct refusal *r)
{
	const char *words = find(faults, ARRAY_SIZE(faults), r->error);
	unsigned version = version_of(r);

	if (r->head_len && !is_record(r)) {
		buf_str(out, "the answer is no TLS; it begins with: ");
		add_head(out, r);
	} else if (version && version < 0x0303) {
		buf_printf(out, "it speaks %s at most: enable TLS 1.2 there",
			   version == 0x0302   ? "TLS 1.1"
			   : version == 0x0301 ? "TLS 1.0"
					       : "SSL 3");
	} else {
		buf_str(out, words ? words : "what it says is not as the rules of TLS 1.2 have it: is it up to date?");
	}
}

void refusal_words(struct buf *out, const struct refusal *r)
{
	if (alert_of(r) >= 0)
		add_alert(out, alert_of(r), r->wants_certificate);
	else
		add_fault(out, r);
}

bool refusal_is_unclear(const struct refusal *r)
{
	static const int unclear[] = { 40, 47, 50, 70, 71, 80, 109 };

	for (size_t i = 0; i < ARRAY_SIZE(unclear); i++)
		if (alert_of(r) == unclear[i])
			return !r->wants_certificate;
	return false;
}
