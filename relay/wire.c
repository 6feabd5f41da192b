/* wire.c - the extension's messages <-> bytes. Pure but for wire_random. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/wire.h"

#include "base/compat.h"

/* ---- writing: a frame is begun, filled, and its length set when it is ended */

static size_t begin(struct buf *b, enum wire_type type, uint8_t flags)
{
	uint8_t header[WIRE_HEADER] = { [4] = (uint8_t)type, [5] = flags };

	buf_add(b, header, sizeof(header));
	return b->len;
}

/* Ends the frame begun at START; MORE bytes will be sent behind what is in B. */
static void end(struct buf *b, size_t start, uint32_t more)
{
	uint32_t len = (uint32_t)(b->len - start) + more;

	if (b->failed)
		return;
	for (int i = 0; i < 4; i++)
		b->data[start - WIRE_HEADER + (size_t)i] = (char)(len >> (8 * i));
}

static void put(struct buf *b, uint64_t value, int bytes)
{
	uint8_t p[8];

	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
	buf_add(b, p, (size_t)bytes);
}

static void put_string(struct buf *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	put(b, len, 2);
	if (len)
		buf_add(b, s, len);
}

void wire_put_empty(struct buf *b, enum wire_type type)
{
	end(b, begin(b, type, 0), 0);
}

void wire_put_hello(struct buf *b, enum wire_type type, const struct wire_hello *m)
{
	size_t start = begin(b, type, 0);

	put(b, m->id, 8);
	put(b, m->port, 2);
	buf_add(b, m->session, WIRE_SESSION);
	buf_add(b, m->root.b, HASH_SIZE);
	put(b, m->have, 4);
	buf_add(b, m->nonce.b, HASH_SIZE);
	put_string(b, m->name);
	put_string(b, m->group);
	put(b, m->flags, 1);
	buf_add(b, m->target.b, HASH_SIZE);
	end(b, start, 0);
}

/* The job's body; the proof is made over the same bytes with the proof itself left out. */
static void put_job_body(struct buf *b, const struct wire_job *m, bool with_proof)
{
	buf_add(b, m->session, WIRE_SESSION);
	put(b, m->flags, 4);
	put(b, m->node, 4);
	put(b, m->head_port, 2);
	put(b, m->chunk, 4);
	put(b, (uint64_t)m->size, 8);
	put(b, (uint64_t)m->split, 8);
	put(b, m->report_ms, 2);
	buf_add(b, m->root.b, HASH_SIZE);
	buf_add(b, m->nonce.b, HASH_SIZE);
	if (with_proof)
		buf_add(b, m->proof.b, HASH_SIZE);
	put_string(b, m->name);
	put_string(b, m->target);
	put(b, m->groups, 4);
	if (m->groups)
		buf_add(b, m->group, (size_t)m->groups * HASH_SIZE);
}

void wire_put_job(struct buf *b, const struct wire_job *m)
{
	size_t start = begin(b, WIRE_JOB, 0);

	put_job_body(b, m, true);
	end(b, start, 0);
}

void wire_put_parent(struct buf *b, const struct wire_parent *m)
{
	size_t start = begin(b, WIRE_PARENT, 0);

	put(b, m->generation, 4);
	put(b, m->node, 4);
	put(b, m->family, 1);
	buf_add(b, m->address, sizeof(m->address));
	put(b, m->port, 2);
	put(b, m->patience, 2);
	end(b, start, 0);
}

void wire_put_number(struct buf *b, enum wire_type type, uint32_t number)
{
	size_t start = begin(b, type, 0);

	put(b, number, 4);
	end(b, start, 0);
}

void wire_put_progress(struct buf *b, enum wire_type type, const struct wire_progress *m)
{
	size_t start = begin(b, type, 0);

	put(b, m->generation, 4);
	put(b, m->node, 4);
	put(b, m->have, 4);
	put(b, m->bytes, 8);
	put(b, m->received, 8);
	put(b, m->occupied, 4);
	put(b, m->children, 1);
	end(b, start, 0);
}

void wire_put_lost(struct buf *b, enum wire_type type, const struct wire_lost *m)
{
	size_t start = begin(b, type, 0);

	put(b, m->generation, 4);
	put(b, m->node, 4);
	put(b, m->why, 1);
	put(b, m->chunk, 4);
	end(b, start, 0);
}

void wire_put_total(struct buf *b, enum wire_type type, const struct wire_total *m)
{
	size_t start = begin(b, type, 0);

	put(b, (uint64_t)m->size, 8);
	put(b, m->count, 4);
	buf_add(b, m->root.b, HASH_SIZE);
	end(b, start, 0);
}

void wire_put_text(struct buf *b, enum wire_type type, uint8_t code, const char *text)
{
	size_t start = begin(b, type, 0);

	put(b, code, 1);
	put_string(b, text);
	end(b, start, 0);
}

static void put_child(struct buf *b, enum wire_type type, const struct wire_get *m)
{
	size_t start = begin(b, type, 0);

	buf_add(b, m->session, WIRE_SESSION);
	put(b, m->node, 4);
	put(b, m->generation, 4);
	end(b, start, 0);
}

void wire_put_get(struct buf *b, const struct wire_get *m)
{
	put_child(b, WIRE_GET, m);
}

void wire_put_push(struct buf *b, const struct wire_get *m)
{
	put_child(b, WIRE_PUSH, m);
}

void wire_put_want(struct buf *b, const struct wire_want *m, uint8_t flags)
{
	size_t start = begin(b, WIRE_WANT, flags);

	put(b, m->first, 4);
	put(b, m->count, 4);
	end(b, start, 0);
}

void wire_put_hashes(struct buf *b, uint32_t group, const struct hash *hashes, uint32_t count)
{
	size_t start = begin(b, WIRE_HASHES, 0);

	put(b, group, 4);
	buf_add(b, hashes, (size_t)count * HASH_SIZE);
	end(b, start, 0);
}

void wire_put_run(struct buf *b, const struct wire_run *m, const struct hash *hashes, uint32_t bytes)
{
	size_t start = begin(b, WIRE_RUN, hashes ? WIRE_RUN_HASHED : 0);

	put(b, m->first, 4);
	put(b, m->count, 4);
	put(b, m->offset, 8);
	if (hashes)
		buf_add(b, hashes, (size_t)m->count * HASH_SIZE);
	end(b, start, bytes);
}

/* ---- reading: a cursor that remembers that it ran over the end */

struct cursor {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static uint64_t take(struct cursor *c, int bytes)
{
	uint64_t value = 0;

	if (c->left < (size_t)bytes) {
		c->bad = true;
		return 0;
	}
	for (int i = 0; i < bytes; i++)
		value |= (uint64_t)c->p[i] << (8 * i);
	c->p += bytes;
	c->left -= (size_t)bytes;
	return value;
}

static void take_bytes(struct cursor *c, void *to, size_t len)
{
	if (c->left < len) {
		c->bad = true;
		memset(to, 0, len);
		return;
	}
	memcpy(to, c->p, len);
	c->p += len;
	c->left -= len;
}

/* LEN bytes of text, of which the first KEPT are kept, control characters made visible. */
static void take_text(struct cursor *c, char *to, size_t len, size_t kept)
{
	to[0] = '\0';
	if (len > c->left) {
		c->bad = true;
		return;
	}
	take_bytes(c, to, kept);
	c->p += len - kept;
	c->left -= len - kept;
	to[kept] = '\0';
	for (size_t i = 0; i < kept; i++)
		if ((uint8_t)to[i] < ' ' || to[i] == 127)
			to[i] = '?';
}

/* A name: one that is too long is none. */
static void take_string(struct cursor *c, char *to, size_t size)
{
	size_t len = (size_t)take(c, 2);

	to[0] = '\0';
	if (len >= size)
		c->bad = true;
	else
		take_text(c, to, len, len);
}

/* Words for a person: where there is less room than they need, their end is left out. */
static void take_words(struct cursor *c, char *to, size_t size)
{
	size_t len = (size_t)take(c, 2);

	take_text(c, to, len, MIN(len, size - 1));
}

static int verdict(const struct cursor *c)
{
	return c->bad ? -EBADMSG : 0;
}

struct wire_header wire_get_header(const uint8_t bytes[WIRE_HEADER])
{
	struct cursor c = { bytes, WIRE_HEADER, false };
	struct wire_header h;

	h.length = (uint32_t)take(&c, 4);
	h.type = (uint8_t)take(&c, 1);
	h.flags = (uint8_t)take(&c, 1);
	return h;
}

int wire_get_hello(const uint8_t *p, size_t len, struct wire_hello *m)
{
	struct cursor c = { p, len, false };

	m->id = take(&c, 8);
	m->port = (uint16_t)take(&c, 2);
	take_bytes(&c, m->session, WIRE_SESSION);
	take_bytes(&c, m->root.b, HASH_SIZE);
	m->have = (uint32_t)take(&c, 4);
	take_bytes(&c, m->nonce.b, HASH_SIZE);
	take_string(&c, m->name, sizeof(m->name));
	take_string(&c, m->group, sizeof(m->group));
	m->flags = c.left ? (uint8_t)take(&c, 1) : 0;
	m->target = (struct hash){ { 0 } };
	if (c.left)
		take_bytes(&c, m->target.b, HASH_SIZE);
	return verdict(&c);
}

int wire_get_job(const uint8_t *p, size_t len, struct wire_job *m)
{
	struct cursor c = { p, len, false };

	*m = (struct wire_job){ 0 };
	take_bytes(&c, m->session, WIRE_SESSION);
	m->flags = (uint32_t)take(&c, 4);
	m->node = (uint32_t)take(&c, 4);
	m->head_port = (uint16_t)take(&c, 2);
	m->chunk = (uint32_t)take(&c, 4);
	m->size = (int64_t)take(&c, 8);
	m->split = (int64_t)take(&c, 8);
	m->report_ms = (uint16_t)take(&c, 2);
	take_bytes(&c, m->root.b, HASH_SIZE);
	take_bytes(&c, m->nonce.b, HASH_SIZE);
	take_bytes(&c, m->proof.b, HASH_SIZE);
	take_string(&c, m->name, sizeof(m->name));
	m->target = malloc(WIRE_PATH);
	if (!m->target)
		return -ENOMEM;
	take_string(&c, m->target, WIRE_PATH);
	m->groups = (uint32_t)take(&c, 4);
	if (m->groups > c.left / HASH_SIZE)
		c.bad = true;
	if (!c.bad && m->groups) {
		m->group = malloc((size_t)m->groups * HASH_SIZE);
		if (!m->group) {
			wire_job_free(m);
			return -ENOMEM;
		}
		take_bytes(&c, m->group, (size_t)m->groups * HASH_SIZE);
	}
	if (c.bad)
		wire_job_free(m);
	return verdict(&c);
}

void wire_job_free(struct wire_job *m)
{
	free(m->target);
	free(m->group);
	m->target = NULL;
	m->group = NULL;
	m->groups = 0;
}

int wire_get_parent(const uint8_t *p, size_t len, struct wire_parent *m)
{
	struct cursor c = { p, len, false };

	m->generation = (uint32_t)take(&c, 4);
	m->node = (uint32_t)take(&c, 4);
	m->family = (uint8_t)take(&c, 1);
	take_bytes(&c, m->address, sizeof(m->address));
	m->port = (uint16_t)take(&c, 2);
	m->patience = c.left ? (uint16_t)take(&c, 2) : 0;
	return verdict(&c);
}

int wire_get_number(const uint8_t *p, size_t len, uint32_t *number)
{
	struct cursor c = { p, len, false };

	*number = (uint32_t)take(&c, 4);
	return verdict(&c);
}

int wire_get_progress(const uint8_t *p, size_t len, struct wire_progress *m)
{
	struct cursor c = { p, len, false };

	m->generation = (uint32_t)take(&c, 4);
	m->node = (uint32_t)take(&c, 4);
	m->have = (uint32_t)take(&c, 4);
	m->bytes = take(&c, 8);
	m->received = take(&c, 8);
	m->occupied = take(&c, 4) & 1;
	m->children = (uint8_t)take(&c, 1);
	return verdict(&c);
}

int wire_get_lost(const uint8_t *p, size_t len, struct wire_lost *m)
{
	struct cursor c = { p, len, false };

	m->generation = (uint32_t)take(&c, 4);
	m->node = (uint32_t)take(&c, 4);
	m->why = (uint8_t)take(&c, 1);
	m->chunk = (uint32_t)take(&c, 4);
	return verdict(&c);
}

int wire_get_total(const uint8_t *p, size_t len, struct wire_total *m)
{
	struct cursor c = { p, len, false };

	m->size = (int64_t)take(&c, 8);
	m->count = (uint32_t)take(&c, 4);
	take_bytes(&c, m->root.b, HASH_SIZE);
	return m->size < 0 ? -EBADMSG : verdict(&c);
}

int wire_get_text(const uint8_t *p, size_t len, uint8_t *code, char *text, size_t size)
{
	struct cursor c = { p, len, false };

	*code = (uint8_t)take(&c, 1);
	take_words(&c, text, size);
	return verdict(&c);
}

int wire_get_get(const uint8_t *p, size_t len, struct wire_get *m)
{
	struct cursor c = { p, len, false };

	take_bytes(&c, m->session, WIRE_SESSION);
	m->node = (uint32_t)take(&c, 4);
	m->generation = c.left ? (uint32_t)take(&c, 4) : 0;
	return verdict(&c);
}

int wire_get_want(const uint8_t *p, size_t len, struct wire_want *m)
{
	struct cursor c = { p, len, false };

	m->first = (uint32_t)take(&c, 4);
	m->count = (uint32_t)take(&c, 4);
	if (m->count == 0)
		c.bad = true;
	return verdict(&c);
}

int wire_get_run(const uint8_t *p, size_t len, struct wire_run *m)
{
	struct cursor c = { p, len, false };

	m->first = (uint32_t)take(&c, 4);
	m->count = (uint32_t)take(&c, 4);
	m->offset = take(&c, 8);
	if (m->count == 0)
		c.bad = true;
	return verdict(&c);
}

int wire_get_hashes(const uint8_t *p, size_t len, uint32_t *group, uint32_t *count)
{
	struct cursor c = { p, len, false };

	*group = (uint32_t)take(&c, 4);
	*count = (uint32_t)(c.left / HASH_SIZE);
	if (c.left % HASH_SIZE || *count == 0)
		c.bad = true;
	return verdict(&c);
}

struct hash wire_job_proof(const struct wire_job *m, const char *password, const struct hash *nonce)
{
	struct hash key = hash_bytes(password, strlen(password)), none = { { 0 } }, proof;
	struct buf b = { 0 };

	put_job_body(&b, m, false);
	buf_add(&b, nonce->b, HASH_SIZE);
	proof = b.failed ? none : hash_keyed(&key, b.data, b.len);
	buf_free(&b);
	return proof;
}

void wire_random(void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = getrandom((char *)bytes + done, MIN(len - done, (size_t)256), 0);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			abort(); /* no kernel since 3.17 refuses */
	}
}
