/* status_wire.c - lines of the status port <-> the same under the session's key. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/status_wire.h"

#include "base/digits.h"
#include "base/random.h"

static void write_hex(const uint8_t *bytes, size_t count, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

static int read_hex(const char *text, struct hash *out)
{
	for (size_t i = 0; i < HASH_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return -EBADMSG;
		out->b[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int status_read_key(const char *text, struct hash *key)
{
	int err = read_hex(text, key);

	if (err)
		return err;
	text += STATUS_HEX;
	return text[strspn(text, " \t\r\n")] ? -EBADMSG : 0;
}

void status_new_nonce(struct status_lines *l)
{
	uint32_t random[HASH_SIZE / 4];

	for (size_t i = 0; i < ARRAY_SIZE(random); i++)
		random[i] = random_u32();
	write_hex((const uint8_t *)random, sizeof(random), l->nonce);
	l->number = 0;
}

int status_read_greeting(struct status_lines *l, const char *line)
{
	const char *nonce = strrchr(line, ' ');
	struct hash probe;

	if (!nonce || strlen(nonce + 1) != STATUS_HEX || read_hex(nonce + 1, &probe))
		return -EBADMSG;
	l->number = 0;
	return str_copy(l->nonce, sizeof(l->nonce), nonce + 1);
}

/* 0 or -ENOMEM. */
static int make_mac(const struct status_lines *l, const char *text, struct hash *mac)
{
	cleanup_buf struct buf all = { 0 };

	buf_printf(&all, "stage1 status %s %llu %s", l->nonce, (unsigned long long)l->number, text);
	if (all.failed)
		return -ENOMEM;
	*mac = hash_keyed(&l->key, all.data, all.len);
	return 0;
}

int status_write(struct status_lines *l, const char *text, struct buf *out)
{
	char hex[STATUS_HEX + 1];
	struct hash mac;
	int err;

	if (strlen(text) > STATUS_TEXT || strpbrk(text, "\r\n"))
		return -EMSGSIZE;
	err = make_mac(l, text, &mac);
	if (err)
		return err;
	l->number++;
	write_hex(mac.b, HASH_SIZE, hex);
	return buf_printf(out, "%s %s\n", hex, text);
}

const char *status_read(struct status_lines *l, const char *line)
{
	struct hash said, wanted;
	const char *text;

	if (strlen(line) <= STATUS_HEX || read_hex(line, &said) || line[STATUS_HEX] != ' ')
		return NULL;
	text = line + STATUS_HEX + 1;
	if (make_mac(l, text, &wanted) || !hash_equal(&said, &wanted))
		return NULL;
	l->number++;
	return text;
}
