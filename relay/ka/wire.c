/* wire.c - ka's control packets <-> bytes, in both layouts that exist. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/ka/wire.h"

#include "base/buf.h"

#define VERSION_FIELD 25 /* char version[25] in a hello */

/* "We speak the extension": behind the NUL of a hello's version, and first in every packet of ours. */
static const uint8_t mark[4] = { 0xd3, 'k', 'a', 0x01 };

/* Where the union of a packet begins, and where a 64-bit number stands that follows an address in it. */
static size_t body_at(enum ka_layout layout)
{
	return layout == KA_32 ? 4 : 8;
}

static size_t number_at(enum ka_layout layout)
{
	return layout == KA_32 ? 8 : 16;
}

size_t ka_up_size(enum ka_layout layout)
{
	return layout == KA_32 ? 32 : 40;
}

size_t ka_down_size(enum ka_layout layout)
{
	return layout == KA_32 ? 16 : 24;
}

void ka_put_number(uint8_t *p, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

uint64_t ka_get_number(const uint8_t *p, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

/* ---- our own packets: mark, op, a zero, u16 length of the body, u32 number; up also u64 bytes */

static void put_ours(uint8_t *body, uint8_t op, uint16_t length, uint32_t number)
{
	memcpy(body, mark, sizeof(mark));
	body[4] = op;
	ka_put_number(body + 6, length, 2);
	ka_put_number(body + 8, number, 4);
}

/* False where the mark is missing. */
static bool get_ours(const uint8_t *body, uint8_t *op, uint16_t *length, uint32_t *number)
{
	if (memcmp(body, mark, sizeof(mark)) != 0)
		return false;
	*op = body[4];
	*length = (uint16_t)ka_get_number(body + 6, 2);
	*number = (uint32_t)ka_get_number(body + 8, 4);
	return true;
}

/* ---- hello: the version, and behind it what originals leave to chance: mark, u16 port, u32 window, a zero */

static void put_hello(uint8_t *body, const struct ka_up *m)
{
	uint8_t *p = body + sizeof(KA_VERSION);

	str_copy((char *)body, VERSION_FIELD, m->version[0] ? m->version : KA_VERSION);
	if (!m->ours)
		return;
	memcpy(p, mark, sizeof(mark));
	ka_put_number(p + 4, m->port, 2);
	ka_put_number(p + 6, m->window_kib, 4);
}

static void get_hello(const uint8_t *body, struct ka_up *m)
{
	const uint8_t *p = body + sizeof(KA_VERSION);

	memcpy(m->version, body, strnlen((const char *)body, VERSION_FIELD));
	m->ours = strcmp(m->version, KA_VERSION) == 0 && memcmp(p, mark, sizeof(mark)) == 0;
	if (!m->ours)
		return;
	m->port = (uint16_t)ka_get_number(p + 4, 2);
	m->window_kib = (uint32_t)ka_get_number(p + 6, 4);
}

/* ---- packets */

void ka_put_up(uint8_t *p, enum ka_layout layout, const struct ka_up *m)
{
	uint8_t *body = p + body_at(layout);

	memset(p, 0, ka_up_size(layout));
	ka_put_number(p, m->type, 4);
	switch (m->type) {
	case KA_HELLO:
		put_hello(body, m);
		break;
	case KA_GOT_CLIENT:
		memcpy(body, &m->ip, 4);
		break;
	case KA_DAD_DISCONNECTED:
		memcpy(body, &m->ip, 4);
		ka_put_number(p + number_at(layout), (uint64_t)m->bytes, 8);
		break;
	case KA_REPORTS_POSITION:
		ka_put_number(body, (uint64_t)m->bytes, 8);
		break;
	case KA_OPTIONS:
		body[0] = m->waits;
		break;
	case KA_UP_OURS:
		put_ours(body, m->op, m->length, m->number);
		ka_put_number(body + 12, (uint64_t)m->bytes, 8);
		break;
	default:
		break;
	}
}

void ka_get_up(const uint8_t *p, enum ka_layout layout, struct ka_up *m)
{
	const uint8_t *body = p + body_at(layout);

	*m = (struct ka_up){ .type = (uint32_t)ka_get_number(p, 4) };
	switch (m->type) {
	case KA_HELLO:
		get_hello(body, m);
		break;
	case KA_GOT_CLIENT:
		memcpy(&m->ip, body, 4);
		break;
	case KA_DAD_DISCONNECTED:
		memcpy(&m->ip, body, 4);
		m->bytes = (int64_t)ka_get_number(p + number_at(layout), 8);
		break;
	case KA_REPORTS_POSITION:
		m->bytes = (int64_t)ka_get_number(body, 8);
		break;
	case KA_OPTIONS:
		m->waits = body[0] != 0;
		break;
	case KA_UP_OURS:
		if (get_ours(body, &m->op, &m->length, &m->number))
			m->bytes = (int64_t)ka_get_number(body + 12, 8);
		break;
	default:
		break;
	}
}

void ka_put_down(uint8_t *p, enum ka_layout layout, const struct ka_down *m)
{
	uint8_t *body = p + body_at(layout);

	memset(p, 0, ka_down_size(layout));
	ka_put_number(p, m->type, 4);
	switch (m->type) {
	case KA_GIVES_IP:
	case KA_DROP_CHILD:
		memcpy(body, &m->ip, 4);
		break;
	case KA_GIVES_AUTH:
		memcpy(body, &m->ip, 4);
		ka_put_number(p + number_at(layout), (uint64_t)m->bytes, 8);
		break;
	case KA_PLEASE_REPORT:
		ka_put_number(body, m->mode, 4);
		break;
	case KA_DOWN_OURS:
		put_ours(body, m->op, m->length, m->number);
		break;
	default:
		break;
	}
}

void ka_get_down(const uint8_t *p, enum ka_layout layout, struct ka_down *m)
{
	const uint8_t *body = p + body_at(layout);

	*m = (struct ka_down){ .type = (uint32_t)ka_get_number(p, 4) };
	switch (m->type) {
	case KA_GIVES_IP:
	case KA_DROP_CHILD:
		memcpy(&m->ip, body, 4);
		break;
	case KA_GIVES_AUTH:
		memcpy(&m->ip, body, 4);
		m->bytes = (int64_t)ka_get_number(p + number_at(layout), 8);
		break;
	case KA_PLEASE_REPORT:
		m->mode = (uint32_t)ka_get_number(body, 4);
		break;
	case KA_DOWN_OURS:
		if (!get_ours(body, &m->op, &m->length, &m->number))
			m->op = 0;
		break;
	default:
		break;
	}
}

int ka_guess_layout(const uint8_t *p, size_t len, enum ka_layout *layout)
{
	static const char name[] = "Ka-deploy-"; /* any version */
	const size_t need = sizeof(name) - 1;

	if (len >= 4 && ka_get_number(p, 4) != KA_HELLO)
		return -EBADMSG;
	if (len < body_at(KA_64) + need)
		return -EAGAIN;
	if (memcmp(p + body_at(KA_32), name, need) == 0)
		*layout = KA_32;
	else if (memcmp(p + body_at(KA_64), name, need) == 0)
		*layout = KA_64;
	else
		return -EBADMSG;
	return 0;
}

bool ka_is_request(const uint8_t *p, size_t len, const char *session)
{
	size_t need = strlen(session);

	return need > 0 && len == need + 1 && memcmp(p, session, need) == 0;
}

bool ka_is_reply(const uint8_t *p, size_t len)
{
	return len == sizeof(KA_VERSION) && memcmp(p, KA_VERSION, len) == 0;
}
