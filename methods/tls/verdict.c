/* verdict.c - what the judge found -> words that somebody can act on: which certificate, why, its dates. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/judge.h"

#include "methods/tls/names.h"
#include "methods/tls/signature.h"
#include "methods/tls/tls.h"

#include <stdio.h>
#include <time.h>

/* "its certificate", or that of an authority by its name */
static void add_whose(struct buf *out, const struct judge *j, const struct certificate *c)
{
	if (c == j->sent) {
		buf_str(out, "its certificate");
		return;
	}
	buf_str(out, "the certificate of the authority ");
	names_add_title(out, c->subject);
}

/* A date of a certificate as people write it. */
static void add_date(struct buf *out, const struct der *date)
{
	const char *p = (const char *)date->p;

	if (date->len == 15)
		buf_printf(out, "%.4s-%.2s-%.2s", p, p + 4, p + 6);
	else /* RFC 5280, section 4.1.2.5.1 */
		buf_printf(out, "%s%.2s-%.2s-%.2s", p[0] >= '5' ? "19" : "20", p, p + 2, p + 4);
}

static void add_today(struct buf *out, const struct path *p)
{
	time_t seconds = (time_t)p->seconds;
	struct tm tm;
	char today[32];

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	buf_printf(out, "today is %s%s", today, p->at_least ? " or later" : "");
}

static void add_time(struct buf *out, const struct judge *j)
{
	const struct certificate *c = j->path.who;

	add_today(out, &j->path);
	buf_str(out, ", ");
	add_whose(out, j, c);
	buf_str(out, " is from ");
	add_date(out, &c->not_before);
	buf_str(out, " to ");
	add_date(out, &c->not_after);
}

/* The object identifier as people write it (X.690, section 8.19). */
static void add_oid(struct buf *out, struct der oid)
{
	uint32_t n = 0;
	bool first = true;

	for (size_t i = 0; i < MIN(oid.len, (size_t)30); i++) {
		n = n << 7 | (oid.p[i] & 0x7f);
		if (oid.p[i] & 0x80)
			continue;
		if (first)
			buf_printf(out, "%u.%u", n < 80 ? n / 40 : 2, n < 80 ? n % 40 : n - 80);
		else
			buf_printf(out, ".%u", n);
		first = false;
		n = 0;
	}
}

/* Nobody stands behind the end of what was sent. */
static void add_nobody(struct buf *out, const struct judge *j)
{
	const struct path *p = &j->path;

	buf_printf(out, "none of the %zu authorities stands behind it: ", p->anchors->count);
	if (names_same(p->who->issuer, p->who->subject)) {
		add_whose(out, j, p->who);
		buf_str(out, " is signed by itself only");
		return;
	}
	add_whose(out, j, p->who);
	buf_str(out, " is by ");
	names_add_title(out, p->who->issuer);
	buf_str(out, ", of which the server sent no certificate and the bundle has none");
}

static void add_key_fault(struct buf *out, const struct judge *j)
{
	br_x509_pkey key;
	const char *words = key_parse(&key, j->path.who->key);

	buf_str(out, "the key in ");
	add_whose(out, j, j->path.who);
	buf_printf(out, " %s", words ? words : "cannot be used");
}

static void add_path_fault(struct buf *out, const struct judge *j)
{
	static const char *const words[] = {
		[PATH_SIGNATURE] = "was not signed by the authority it names, but by another key",
		[PATH_COSTLY] = "takes too long to judge: too many certificates were sent",
		[PATH_NO_AUTHORITY] = "stands behind another one, but is none of an authority (basicConstraints)",
		[PATH_NO_SIGNER] = "does not allow what its key is used for (keyUsage)",
		[PATH_TOO_LONG] = "does not allow so many authorities below it (pathlen of basicConstraints)",
		[PATH_NO_SERVER] = "is not for servers (serverAuth is not in its extendedKeyUsage)",
		[PATH_DATES] = "has dates that cannot be read",
	};
	const struct path *p = &j->path;

	add_whose(out, j, p->who);
	switch (p->fault) {
	case PATH_ALGORITHM:
		buf_printf(out, " is signed %s", signature_unknown(p->who));
		break;
	case PATH_UNKNOWN:
		buf_str(out, " has an extension that has to be understood and is not: ");
		add_oid(out, p->who->unknown);
		break;
	case PATH_FORBIDDEN:
		buf_printf(out, " is for %s, which the name constraints of ", p->name ? p->name : "a name");
		names_add_title(out, p->by->subject);
		buf_str(out, " do not allow");
		break;
	default:
		buf_printf(out, " %s", words[p->fault]);
	}
}

static const char *path_words(const struct judge *j, struct buf *out)
{
	switch (j->path.fault) {
	case PATH_EXPIRED:
	case PATH_NOT_YET:
		add_time(out, j);
		return TLS_TIME;
	case PATH_NOBODY:
		add_nobody(out, j);
		return TLS_TRUST;
	case PATH_KEY:
		add_key_fault(out, j);
		return TLS_TRUST;
	default:
		add_path_fault(out, j);
		return TLS_TRUST;
	}
}

const char *judge_words(const struct judge *j, struct buf *out)
{
	switch (j->verdict) {
	case VERDICT_PATH:
		return path_words(j, out);
	case VERDICT_NAME:
		buf_str(out, "its certificate is not for this name, but for ");
		names_add_hosts(out, j->sent);
		if (!j->sent->names.len)
			buf_str(out, " at all: it has no subjectAltName, and its CN does not count");
		return TLS_NAME;
	case VERDICT_NOT_PINNED:
		buf_str(out, "its key is not the pinned one");
		break;
	case VERDICT_KEY:
		buf_printf(out, "its key %s", j->key_fault);
		break;
	case VERDICT_UNREADABLE:
		buf_str(out, "its certificate cannot be read: it is no X.509, or damaged");
		break;
	case VERDICT_TOO_MUCH:
		buf_printf(out, "it sent more than %zu KB of certificates", CERTIFICATES_MAX / 1024);
		break;
	case VERDICT_MEMORY:
		buf_str(out, "there is no memory for its certificates");
		break;
	case VERDICT_NONE:
	case VERDICT_GOOD:
	case VERDICT_NO_CERTIFICATE:
		buf_str(out, "it sent no certificate");
	}
	return TLS_TRUST;
}
