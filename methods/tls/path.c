/* path.c - the certificates that a server sent, and those that are trusted -> a path from one to the other, or why
 * not. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/path.h"

#include "base/buf.h"
#include "methods/tls/names.h"
#include "methods/tls/signature.h"

/* Keeps the fault that says most. Always false. */
static bool fault(struct path *p, enum path_fault fault, const struct certificate *who, const struct certificate *by,
		  struct buf *name)
{
	if (fault <= p->fault)
		return false;
	free(p->name);
	p->name = name ? buf_take(name) : NULL;
	p->fault = fault;
	p->who = who;
	p->by = by;
	return false;
}

/* ---- a path that is whole */

static bool is_self_issued(const struct certificate *c)
{
	return names_same(c->subject, c->issuer);
}

/* When the path is judged: now, or where the clock is not to be believed, at the first moment from then on at which
 * all have begun. */
static bool moment(struct path *p, int64_t *now)
{
	*now = p->seconds;
	for (size_t i = 0; i < p->len; i++) {
		int64_t start;

		if (certificate_time(&p->steps[i]->not_before, &start))
			return fault(p, PATH_DATES, p->steps[i], NULL, NULL);
		if (p->at_least)
			*now = MAX(*now, start);
	}
	return true;
}

static bool is_in_time(struct path *p, const struct certificate *c, int64_t now)
{
	int64_t start, end;

	if (certificate_time(&c->not_before, &start) || certificate_time(&c->not_after, &end))
		return fault(p, PATH_DATES, c, NULL, NULL);
	if (now > end)
		return fault(p, PATH_EXPIRED, c, NULL, NULL);
	return now >= start || fault(p, PATH_NOT_YET, c, NULL, NULL);
}

/* The authorities below step I which count for a path length. */
static int32_t authorities_below(const struct path *p, size_t i)
{
	int32_t count = 0;

	while (i-- > 1)
		count += !is_self_issued(p->steps[i]);
	return count;
}

/* C, at step I or as the anchor behind the last one, may stand behind what is below it. */
static bool may_sign(struct path *p, const struct certificate *c, size_t i)
{
	if (c->has_usage && !(c->usage & USAGE_CERT_SIGN))
		return fault(p, PATH_NO_SIGNER, c, NULL, NULL);
	if (c->path_len >= 0 && authorities_below(p, i) > c->path_len)
		return fault(p, PATH_TOO_LONG, c, NULL, NULL);
	for (size_t below = 0; below < i; below++) {
		cleanup_buf struct buf name = { 0 };

		if (below && is_self_issued(p->steps[below]))
			continue;
		if (names_forbidden(c, p->steps[below], &p->comparisons, &name))
			return p->comparisons ? fault(p, PATH_FORBIDDEN, p->steps[below], c, &name)
					      : fault(p, PATH_COSTLY, c, NULL, NULL);
	}
	return true;
}

static bool step_is_good(struct path *p, size_t i, int64_t now)
{
	const struct certificate *c = p->steps[i];

	if (!is_in_time(p, c, now))
		return false;
	if (c->unknown.len)
		return fault(p, PATH_UNKNOWN, c, NULL, NULL);
	if (!certificate_is_for_servers(c))
		return fault(p, PATH_NO_SERVER, c, NULL, NULL);
	if (i == 0) /* ECDHE: it signs the key exchange */
		return !c->has_usage || (c->usage & USAGE_SIGN) || fault(p, PATH_NO_SIGNER, c, NULL, NULL);
	return c->authority ? may_sign(p, c, i) : fault(p, PATH_NO_AUTHORITY, c, NULL, NULL);
}

/* The path ends below ANCHOR; NULL: the server's own certificate is one. */
static bool is_good(struct path *p, const struct anchor *anchor)
{
	int64_t now;

	if (!moment(p, &now))
		return false;
	for (size_t i = 0; i < p->len; i++)
		if (!step_is_good(p, i, now))
			return false;
	if (!anchor)
		return true;
	return anchor->authority ? may_sign(p, &anchor->certificate, p->len)
				 : fault(p, PATH_NO_AUTHORITY, &anchor->certificate, NULL, NULL);
}

/* ---- looking for one */

static bool is_same(const struct certificate *a, const struct certificate *b)
{
	return der_same(a->key, b->key) && names_same(a->subject, b->subject);
}

static bool is_signed_by(struct path *p, const struct certificate *c, const br_x509_pkey *key)
{
	if (signature_unknown(c))
		return fault(p, PATH_ALGORITHM, c, NULL, NULL);
	if (!p->signatures)
		return fault(p, PATH_COSTLY, c, NULL, NULL);
	p->signatures--;
	return signature_is_by(c, key) || fault(p, PATH_SIGNATURE, c, NULL, NULL);
}

static bool ends_at_anchor(struct path *p, const struct certificate *last)
{
	for (size_t i = 0; i < p->anchors->count; i++) {
		const struct anchor *a = &p->anchors->list[i];

		if (p->len == 1 && is_same(last, &a->certificate) && is_good(p, NULL))
			return true;
		if (names_same(last->issuer, a->certificate.subject) && is_signed_by(p, last, &a->key) && is_good(p, a))
			return true;
	}
	return false;
}

static bool is_on_path(const struct path *p, const struct certificate *c)
{
	for (size_t i = 0; i < p->len; i++)
		if (is_same(p->steps[i], c))
			return true;
	return false;
}

static bool extend(struct path *p);

/* C stands behind LAST, the end of the path: goes on from there. */
static bool go_on(struct path *p, const struct certificate *last, const struct certificate *c)
{
	br_x509_pkey key;
	bool found;

	if (!names_same(last->issuer, c->subject) || is_on_path(p, c))
		return false;
	if (p->len == PATH_LONGEST)
		return fault(p, PATH_COSTLY, c, NULL, NULL);
	if (key_parse(&key, c->key))
		return fault(p, PATH_KEY, c, NULL, NULL);
	if (!is_signed_by(p, last, &key))
		return false;
	p->steps[p->len++] = c;
	found = extend(p);
	p->len--;
	return found;
}

/* PATH_LONGEST deep at most. */
static bool extend(struct path *p)
{
	const struct certificate *last = p->steps[p->len - 1];
	size_t before = p->signatures;

	if (ends_at_anchor(p, last))
		return true;
	for (size_t i = 1; i < p->count; i++)
		if (go_on(p, last, &p->sent[i]))
			return true;
	return p->signatures == before && fault(p, PATH_NOBODY, last, NULL, NULL);
}

bool path_find(struct path *p)
{
	p->fault = PATH_GOOD;
	p->signatures = PATH_SIGNATURES;
	p->comparisons = PATH_COMPARISONS;
	p->steps[0] = p->sent;
	p->len = 1;
	if (!extend(p))
		return fault(p, PATH_NOBODY, p->sent, NULL, NULL);
	p->fault = PATH_GOOD;
	return true;
}

void path_free(struct path *p)
{
	free(p->name);
	p->name = NULL;
}
