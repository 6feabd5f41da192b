/* verdict.c - keys, a manifest, its signatures and what a node asks for -> may it be booted, and what its bytes are. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/verify/verdict.h"

#include "base/digits.h"
#include "trust/words.h"

/* What comes from outside goes to a console in words: nothing in them moves its cursor. */
static const char *clean(struct buf *words)
{
	for (size_t i = 0; i < words->len; i++)
		if (words->data[i] < ' ' || words->data[i] > '~')
			words->data[i] = '?';
	return buf_cstr(words);
}

static int refuse(struct failure *f, const char *name, int err, struct buf *why)
{
	enum fail_id id = err == -EKEYREJECTED ? FAIL_SIG_WRONG : err == -ENOKEY ? FAIL_SIG_KEY : FAIL_SIG_MANIFEST;

	if (err == -ENOMEM)
		return fail(f, FAIL_MEM_WORK, err, "no memory to check the signatures of %s", name);
	return fail(f, id, err, "%s" MANIFEST_SUFFIX ": %s", name, clean(why));
}

/* The keys that count: those there are, or those that they passed their trust to. */
static int check_signatures(const struct verdict_case *c, struct keyring *renewed, struct buf *why)
{
	cleanup_buf struct buf not_renewed = { 0 };
	struct signature_file parts;
	int err = signature_file_split(&parts, c->signatures, c->signatures_len);

	if (err) {
		buf_str(why, "the list of keys among its signatures does not end");
		return err;
	}
	err = signatures_check(c->keys, c->manifest, c->manifest_len, parts.text, parts.len, why);
	if (!parts.list || keyring_renew(renewed, c->keys, &parts, &not_renewed))
		return err;
	why->len = 0;
	return signatures_check(renewed, c->manifest, c->manifest_len, parts.text, parts.len, why);
}

/* append: has %20 for a blank. */
static void decode(const char *value, struct buf *out)
{
	for (; *value; value++) {
		int high = *value == '%' ? hex_digit(value[1]) : -1, low = high >= 0 ? hex_digit(value[2]) : -1;

		if (low >= 0 && high + low > 0) {
			buf_char(out, (char)(high * 16 + low));
			value += 2;
		} else {
			buf_char(out, *value);
		}
	}
}

static int check_words(const struct verdict_case *c, const struct manifest *m, struct failure *f)
{
	const char *built_in = buf_cstr(&c->keys->words);
	cleanup_buf struct buf which = { 0 }, append = { 0 };

	if (c->append)
		decode(c->append, &append);
	if (c->command_line && !words_allowed(c->command_line, true, m->words, built_in, &which))
		return fail(f, FAIL_SIG_WORDS, -EPERM, "%s of the kernel command line, by the manifest of %s",
			    clean(&which), m->name);
	if (c->append && !words_allowed(buf_cstr(&append), false, m->words, built_in, &which))
		return fail(f, FAIL_SIG_WORDS, -EPERM, "%s of append:, by the manifest of %s", clean(&which), m->name);
	return which.failed || append.failed ? fail(f, FAIL_MEM_WORK, -ENOMEM, "no memory to check words") : 0;
}

static int check_manifest(const struct verdict_case *c, const struct manifest *m, int64_t minimum, struct failure *f)
{
	if (!streq(m->name, c->name))
		return fail(f, FAIL_SIG_MANIFEST, -EBADMSG, "%s" MANIFEST_SUFFIX " is that of another file, %s",
			    c->name, m->name);
	if (m->version < minimum)
		return fail(f, FAIL_SIG_OLD, -ESTALE, "%s has version %lld, and %lld is the oldest that is good enough",
			    m->name, (long long)m->version, (long long)minimum);
	return check_words(c, m, f);
}

int verdict_of(const struct verdict_case *c, struct manifest *m, struct failure *f)
{
	cleanup_buf struct buf why = { 0 };
	struct keyring renewed = { 0 };
	int64_t minimum = c->keys->minimum;
	int err = check_signatures(c, &renewed, &why);

	minimum = MAX(minimum, renewed.minimum);
	keyring_free(&renewed);
	if (!err) /* only what is signed is read */
		err = manifest_parse(m, c->manifest, c->manifest_len, &why);
	if (err)
		return refuse(f, c->name, err, &why);
	err = check_manifest(c, m, minimum, f);
	if (err)
		manifest_free(m);
	return err;
}
