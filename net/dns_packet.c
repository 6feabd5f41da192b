/* dns_packet.c - a name and a type -> a DNS query; a DNS answer -> the addresses in it; pure functions (RFC 1035). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dns_packet.h"

#include "net/frame.h"

#include <ctype.h>
#include <strings.h>

enum { HEADER_LEN = 12, LABEL_MAX = 63, WIRE_MAX = 255, CLASS_INTERNET = 1, MAX_ALIASES = 16 };
/* 4.1.1: the flag bits of the header's second word */
enum { FLAG_ANSWER = 0x8000, FLAG_TRUNCATED = 0x0200, FLAG_RECURSE = 0x0100, MASK_RCODE = 0x000f };

static char plain(uint8_t c)
{
	return (c < 0x80 && isalnum(c)) || c == '-' || c == '_' ? (char)c : '?';
}

int dns_name_read(const uint8_t *message, size_t len, size_t *at, char out[DNS_NAME_SIZE])
{
	size_t pos = *at, first = *at, n = 0;
	bool jumped = false;

	for (;;) {
		size_t label;

		if (pos >= len)
			return -EBADMSG;
		label = message[pos++];
		if (label == 0)
			break;
		if (label >= 0xc0) {
			size_t target;

			if (pos >= len)
				return -EBADMSG;
			target = (label & 0x3f) << 8 | message[pos++];
			if (!jumped)
				*at = pos;
			jumped = true;
			if (target >= first) /* only back, each time further: it ends */
				return -EBADMSG;
			pos = first = target;
			continue;
		}
		if (label > LABEL_MAX || label > len - pos || n + label + 2 > WIRE_MAX)
			return -EBADMSG;
		if (n)
			out[n++] = '.';
		while (label--)
			out[n++] = plain(message[pos++]);
	}
	out[n] = '\0';
	if (!jumped)
		*at = pos;
	return 0;
}

int dns_name_write(struct buf *out, const char *name)
{
	size_t start = out->len;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (!label || label > LABEL_MAX)
			return -EINVAL;
		buf_char(out, (char)label);
		buf_add(out, name, label);
		name += label;
		if (*name == '.')
			name++;
	}
	if (buf_char(out, 0))
		return -ENOMEM;
	return out->len - start <= WIRE_MAX ? 0 : -EINVAL;
}

bool dns_name_equal(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (n && a[n - 1] == '.')
		n--;
	if (m && b[m - 1] == '.')
		m--;
	return n == m && strncasecmp(a, b, n) == 0;
}

int dns_query_write(struct buf *out, uint16_t id, const char *name, enum dns_type type)
{
	const unsigned words[] = { id, FLAG_RECURSE, 1, 0, 0, 0 };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		add_be16(out, words[i]);
	err = *name ? dns_name_write(out, name) : -EINVAL;
	add_be16(out, type);
	add_be16(out, CLASS_INTERNET);
	return err ? err : out->failed ? -ENOMEM : 0;
}

/* One resource record (3.2.1). */
struct record {
	char owner[DNS_NAME_SIZE];
	unsigned type, class;
	size_t at, len; /* where its data lies */
};

static int read_record(const uint8_t *message, size_t len, size_t *at, struct record *r)
{
	int err = dns_name_read(message, len, at, r->owner);

	if (err || len - *at < 10)
		return -EBADMSG;
	r->type = get_be16(message + *at);
	r->class = get_be16(message + *at + 2);
	r->len = get_be16(message + *at + 8);
	r->at = *at + 10;
	if (r->len > len - r->at)
		return -EBADMSG;
	*at = r->at + r->len;
	return 0;
}

static int add_address(struct dns_answer *answer, const uint8_t *data, size_t len)
{
	struct in6_addr *more, a = { .s6_addr = { [10] = 0xff, 0xff } };

	memcpy(a.s6_addr + 16 - len, data, len);
	for (size_t i = 0; i < answer->count; i++)
		if (memcmp(&answer->address[i], &a, sizeof(a)) == 0)
			return 0; /* said twice */
	more = realloc(answer->address, (answer->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	answer->address = more;
	more[answer->count++] = a;
	return 0;
}

/* One pass over the answer section at AT: takes the addresses that belong to answer->name. *ALIAS is set when that name
 * is an alias, which answer->name then becomes. */
static int take_answers(const uint8_t *message, size_t len, size_t at, unsigned count, enum dns_type type,
			struct dns_answer *answer, bool *alias)
{
	const size_t address_len = type == DNS_A ? 4 : 16;
	int err = 0;

	*alias = false;
	while (!err && count--) {
		struct record r;
		size_t target;

		err = read_record(message, len, &at, &r);
		if (err || r.class != CLASS_INTERNET || !dns_name_equal(r.owner, answer->name))
			continue;
		target = r.at;
		if (r.type == (unsigned)type && type != DNS_PTR && r.len == address_len) {
			err = add_address(answer, message + r.at, r.len);
		} else if (r.type == (unsigned)type && type != DNS_PTR) {
			answer->odd = true;
		} else if (r.type == DNS_CNAME || (r.type == DNS_PTR && type == DNS_PTR)) {
			*alias = r.type == DNS_CNAME;
			return dns_name_read(message, r.at + r.len, &target, answer->name);
		}
	}
	return err;
}

/* The question that is answered: NAME's. Some servers leave it out; then the records say whose they are. */
static int read_question(const uint8_t *message, size_t len, size_t *at, const char *name, enum dns_type type,
			 struct dns_answer *answer)
{
	unsigned questions = get_be16(message + 4);

	if (!questions)
		return str_copy(answer->name, sizeof(answer->name), name) ? -EBADMSG : 0;
	if (questions != 1 || dns_name_read(message, len, at, answer->name) || len - *at < 4)
		return -EBADMSG;
	if (!dns_name_equal(answer->name, name) || get_be16(message + *at) != (unsigned)type ||
	    get_be16(message + *at + 2) != CLASS_INTERNET)
		return -EAGAIN;
	*at += 4;
	return 0;
}

int dns_answer_read(const uint8_t *message, size_t len, uint16_t id, const char *name, enum dns_type type,
		    struct dns_answer *answer)
{
	unsigned flags, answers;
	size_t at = HEADER_LEN;
	bool alias = true;
	int err = 0;

	*answer = (struct dns_answer){ 0 };
	if (len < HEADER_LEN)
		return -EBADMSG;
	flags = get_be16(message + 2);
	answers = get_be16(message + 6);
	if (get_be16(message) != id || !(flags & FLAG_ANSWER))
		return -EAGAIN;
	answer->rcode = (enum dns_rcode)(flags & MASK_RCODE);
	answer->truncated = flags & FLAG_TRUNCATED;
	/* A server that does not understand may send the header alone. */
	if (get_be16(message + 4) == 0 && answer->rcode != DNS_OK && !answers)
		return 0;
	err = read_question(message, len, &at, name, type, answer);
	if (err)
		return err;
	if (answer->truncated)
		return 0;
	for (int i = 0; !err && alias && !answer->count && i < MAX_ALIASES; i++)
		err = take_answers(message, len, at, answers, type, answer, &alias);
	if (err)
		dns_answer_free(answer);
	return err;
}

void dns_answer_free(struct dns_answer *answer)
{
	free(answer->address);
	*answer = (struct dns_answer){ 0 };
}
