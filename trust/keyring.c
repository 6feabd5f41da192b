/* keyring.c - a list of public keys as text -> who is trusted, and how many of them must have signed. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/keyring.h"

#include "base/digits.h"
#include "trust/lines.h"

#define PLAIN_TEXT 56 /* characters of a signify key: "Ed", its number and the key */
#define SSH_TEXT   512

/* A signify key is "Ed", its number, and the key itself. */
static int parse_plain(struct trusted *t, const char *text)
{
	uint8_t bytes[PLAIN_TEXT * 3 / 4];

	if (base64_decode(bytes, text, PLAIN_TEXT) != sizeof(bytes) || memcmp(bytes, "Ed", 2))
		return -EBADMSG;
	t->has_id = true;
	memcpy(t->id, bytes + 2, KEY_ID);
	memcpy(t->key.key, bytes + 2 + KEY_ID, ED25519_KEY);
	return 0;
}

static int parse_ssh(struct trusted *t, const char *text, size_t len)
{
	uint8_t blob[SSH_TEXT * 3 / 4];
	int64_t n;

	while (len && text[len - 1] == '=')
		len--;
	n = len <= SSH_TEXT ? base64_decode(blob, text, len) : -EBADMSG;
	return n < 0 ? -EBADMSG : ssh_key_parse(&t->key, blob, (size_t)n);
}

/* The word at *TEXT; *TEXT and *LEN are what follows. */
static size_t next_word(const char **text, size_t *len, const char **word)
{
	size_t n = 0;

	while (*len && **text == ' ')
		++*text, --*len;
	*word = *text;
	while (n < *len && (*word)[n] != ' ')
		n++;
	*text += n;
	*len -= n;
	return n;
}

static int parse_key(struct trusted *t, const char *text, size_t len)
{
	const char *word;
	size_t n = next_word(&text, &len, &word);

	*t = (struct trusted){ 0 };
	if (n == PLAIN_TEXT && parse_plain(t, word) == 0)
		return 0;
	if (n >= 4 && (memcmp(word, "ssh-", 4) == 0 || memcmp(word, "sk-s", 4) == 0))
		n = next_word(&text, &len, &word);
	return parse_ssh(t, word, n);
}

int keyring_add(struct keyring *k, const char *text, size_t len)
{
	struct trusted t, *more;
	int err = parse_key(&t, text, len);

	if (!err)
		err = ed25519_check_key(t.key.key);
	for (size_t i = 0; i < k->count && !err; i++)
		if (ssh_key_same(&k->key[i].key, &t.key))
			return 0;
	if (err)
		return err;
	more = realloc(k->key, (k->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	k->key = more;
	more[k->count++] = t;
	k->need = MAX(k->need, (int64_t)1);
	return 0;
}

/* ---- files and lines of them */

static int parse_count(const char *text, size_t len, int64_t *out)
{
	char digits[20];
	int64_t n;

	if (len >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_number(digits, 0, INT64_MAX, &n))
		return -EBADMSG;
	*out = MAX(*out, n);
	return 0;
}

static int add_words(struct keyring *k, const char *text, size_t len)
{
	if (k->words.len)
		buf_char(&k->words, ' ');
	return buf_add(&k->words, text, len);
}

static bool says_nothing(const struct lines *l)
{
	return l->len == 0 || l->line[0] == '#' || (l->len >= 18 && memcmp(l->line, "untrusted comment:", 18) == 0);
}

static int parse_line(struct keyring *k, const struct lines *l)
{
	const char *value;
	size_t len;

	if (says_nothing(l))
		return 0;
	if (lines_field(l, "need", &value, &len))
		return parse_count(value, len, &k->need);
	if (lines_field(l, "minimum", &value, &len))
		return parse_count(value, len, &k->minimum);
	if (lines_field(l, "words", &value, &len))
		return add_words(k, value, len);
	return keyring_add(k, l->line, l->len);
}

static const char *why_not(int err)
{
	return err == -ENOMEM ? "no memory for it"
	       : err == -EINVAL
		       ? "a key of this kind proves nothing"
		       : "neither a public key of signify, minisign or ssh (ed25519), nor need, minimum or words";
}

/* Fewer keys than must sign: nothing would ever do. */
static int check_need(const struct keyring *k, struct buf *why)
{
	if (k->count && (int64_t)k->count >= k->need)
		return 0;
	if (k->count)
		buf_printf(why, "%lld keys are needed, and there are %zu", (long long)k->need, k->count);
	else
		buf_str(why, "there is no key");
	return -EINVAL;
}

int keyring_parse(struct keyring *k, const char *text, size_t len, struct buf *why)
{
	struct lines l = lines_of(text, len);

	while (lines_next(&l)) {
		int err = parse_line(k, &l);

		if (err) {
			buf_printf(why, "line %u: %s", l.number, why_not(err));
			return err == -EINVAL ? -EBADMSG : err;
		}
	}
	return check_need(k, why);
}

/* One part of verify:. */
static int add_part(struct keyring *k, const char *part, size_t len, bool sealed)
{
	if (len == 8 && memcmp(part, "required", 8) == 0)
		return 0;
	if (len > 5 && memcmp(part, "need=", 5) == 0)
		return parse_count(part + 5, len - 5, &k->need);
	if (len > 8 && memcmp(part, "minimum=", 8) == 0)
		return parse_count(part + 8, len - 8, &k->minimum);
	return sealed ? 0 : keyring_add(k, part, len);
}

int keyring_add_line(struct keyring *k, const char *value, bool sealed, struct buf *why)
{
	while (*value) {
		size_t len = strcspn(value, ":");
		int err = len ? add_part(k, value, len, sealed) : 0;

		if (err) {
			buf_printf(why, "%.*s is no public key (56 characters), need=N, minimum=N or required",
				   (int)MIN(len, (size_t)80), value);
			return err == -ENOMEM ? err : -EBADMSG;
		}
		value += len + (value[len] == ':');
	}
	return check_need(k, why);
}

void keyring_free(struct keyring *k)
{
	free(k->key);
	buf_free(&k->words);
	*k = (struct keyring){ 0 };
}
