/* signatures.c - a text, its signatures and a keyring -> by how many of the keys it is signed. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/signatures.h"

#include "base/digits.h"
#include "trust/lines.h"

#define SSH_BEGIN "-----BEGIN SSH SIGNATURE-----"
#define SSH_END   "-----END SSH SIGNATURE-----"

#define PLAIN_SIZE  (2 + KEY_ID + ED25519_SIGNATURE) /* "Ed", the key's number, the signature */
#define PLAIN_TEXT  100                              /* characters of it, with one of padding */
#define GLOBAL_TEXT 88                               /* of what minisign adds: its signature of the comment */
#define BLOB_MAX    1024                             /* bytes of a signature of ssh: they are 180 */

/* One check: who has signed so far. */
struct check {
	const struct keyring *k;
	const void *message;
	size_t len;
	bool *signed_by;  /* [k->count] */
	bool wrong;       /* one by a key that is trusted is not of this message */
	bool prehashed;   /* minisign without -l */
	size_t strangers; /* by keys that are not there */
};

/* ---- one signature */

static void note(struct check *c, size_t key, int err)
{
	c->signed_by[key] |= !err;
	c->wrong |= !!err;
}

static int check_plain(struct check *c, const struct lines *l)
{
	uint8_t bytes[PLAIN_TEXT];
	bool known = false;

	if (l->line[PLAIN_TEXT - 1] != '=' || base64_decode(bytes, l->line, PLAIN_TEXT - 1) != PLAIN_SIZE)
		return -EBADMSG;
	if (bytes[0] != 'E' || (bytes[1] != 'd' && bytes[1] != 'D'))
		return -EBADMSG;
	c->prehashed |= bytes[1] == 'D';
	for (size_t i = 0; i < c->k->count && bytes[1] == 'd'; i++) {
		const struct trusted *t = &c->k->key[i];
		int err;

		if (!t->has_id || memcmp(t->id, bytes + 2, KEY_ID))
			continue;
		err = ed25519_verify(t->key.key, c->message, c->len, bytes + 2 + KEY_ID);
		if (err == -ENOMEM)
			return err;
		note(c, i, err);
		known = true;
	}
	c->strangers += !known;
	return 0;
}

static int check_blob(struct check *c, const uint8_t *blob, size_t len)
{
	struct ssh_signature s;
	bool known = false;
	int err = ssh_signature_parse(&s, blob, len);

	if (err == -EBADMSG)
		return err;
	for (size_t i = 0; i < c->k->count && !err; i++) {
		if (!ssh_key_same(&c->k->key[i].key, &s.key))
			continue;
		err = ssh_signature_verify(&s, c->message, c->len);
		if (err == -ENOMEM)
			return err;
		note(c, i, err);
		known = true;
	}
	c->strangers += !known;
	return 0;
}

/* The armoured lines up to SSH_END. */
static int check_ssh(struct check *c, struct lines *l)
{
	char text[BLOB_MAX * 4 / 3];
	uint8_t blob[BLOB_MAX];
	size_t len = 0;
	int64_t n;

	while (lines_next(l) && !lines_are(l, SSH_END)) {
		if (l->len > sizeof(text) - len)
			return -EBADMSG;
		memcpy(text + len, l->line, l->len);
		len += l->len;
	}
	while (len && text[len - 1] == '=')
		len--;
	n = lines_are(l, SSH_END) ? base64_decode(blob, text, len) : -EBADMSG;
	return n < 0 ? -EBADMSG : check_blob(c, blob, (size_t)n);
}

/* ---- all of them */

static bool starts(const struct lines *l, const char *word)
{
	return l->len >= strlen(word) && memcmp(l->line, word, strlen(word)) == 0;
}

static int check_line(struct check *c, struct lines *l)
{
	if (l->len == 0 || l->len == GLOBAL_TEXT || starts(l, "untrusted comment:") || starts(l, "trusted comment:"))
		return 0;
	if (lines_are(l, SSH_BEGIN))
		return check_ssh(c, l);
	return l->len == PLAIN_TEXT ? check_plain(c, l) : -EBADMSG;
}

static int verdict(const struct check *c, struct buf *why)
{
	int64_t count = 0;

	for (size_t i = 0; i < c->k->count; i++)
		count += c->signed_by[i];
	if (count >= c->k->need)
		return 0;
	if (c->wrong) {
		buf_str(why, "a signature by a key that is trusted is not one of this text");
		return -EKEYREJECTED;
	}
	if (c->prehashed)
		buf_str(why, "minisign signed a hash of it; it has to be signed by minisign -S -l");
	else if (c->k->need > 1 && count)
		buf_printf(why, "it is signed by %lld of the %zu keys, and %lld have to", (long long)count, c->k->count,
			   (long long)c->k->need);
	else if (c->strangers)
		buf_printf(why, "it is signed by %s key%s that %s not trusted here", c->strangers > 1 ? "some" : "a",
			   c->strangers > 1 ? "s" : "", c->strangers > 1 ? "are" : "is");
	else
		buf_str(why, "there is no signature of it");
	return -ENOKEY;
}

int signatures_check(const struct keyring *k, const void *message, size_t len, const char *signatures,
		     size_t signatures_len, struct buf *why)
{
	cleanup_free bool *signed_by = calloc(k->count + 1, sizeof(*signed_by));
	struct check c = { .k = k, .message = message, .len = len, .signed_by = signed_by };
	struct lines l = lines_of(signatures, signatures_len);
	int err = signed_by ? 0 : -ENOMEM;

	while (!err && lines_next(&l))
		err = check_line(&c, &l);
	if (err == -EBADMSG)
		buf_printf(why, "line %u of the signatures is none", l.number);
	return err ? err : verdict(&c, why);
}

/* ---- keys that are changed */

int signature_file_split(struct signature_file *s, const char *text, size_t len)
{
	struct lines l = lines_of(text, len);

	*s = (struct signature_file){ .text = text, .len = len };
	while (lines_next(&l)) {
		if (!s->list && lines_are(&l, KEYS_BEGIN)) {
			s->list = l.line;
			s->len = (size_t)(l.line - text);
		} else if (s->list && lines_are(&l, KEYS_END)) {
			s->list_len = (size_t)(l.rest - s->list);
			s->list_text = l.rest;
			s->list_text_len = (size_t)(l.end - l.rest);
			return 0;
		}
	}
	return s->list ? -EBADMSG : 0;
}

/* The lines between the first one and the last one of the list. */
static int parse_list(struct keyring *renewed, const struct signature_file *s, struct buf *why)
{
	struct lines l = lines_of(s->list, s->list_len);
	const char *end = s->list + s->list_len;

	(void)lines_next(&l);
	while (end[-1] == '\n' || end[-1] == '\r')
		end--;
	end -= strlen(KEYS_END);
	return keyring_parse(renewed, l.rest, (size_t)(end - l.rest), why);
}

int keyring_renew(struct keyring *renewed, const struct keyring *old, const struct signature_file *s, struct buf *why)
{
	int err = signatures_check(old, s->list, s->list_len, s->list_text, s->list_text_len, why);

	if (!err)
		err = parse_list(renewed, s, why);
	if (err)
		return err == -EINVAL ? -EBADMSG : err;
	renewed->minimum = MAX(renewed->minimum, old->minimum);
	renewed->words.len = 0; /* what weakens comes from what is built in only */
	return old->words.len ? buf_add(&renewed->words, old->words.data, old->words.len) : 0;
}
