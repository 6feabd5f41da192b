/* address.c - IPv4 addresses, masks and networks in numbers and words -> checked values; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/address.h"

#include "base/digits.h"

#include <ctype.h>
#include <stdio.h>

int address_parse(const char *s, struct in_addr *out)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned part = 0, digits = 0;

		while (*s >= '0' && *s <= '9' && digits < 4) {
			part = part * 10 + (unsigned)(*s++ - '0');
			digits++;
		}
		if (!digits || digits > 3 || part > 255)
			return -EINVAL;
		value = value << 8 | part;
		if (i < 3 && *s++ != '.')
			return -EINVAL;
	}
	if (*s)
		return -EINVAL;
	out->s_addr = htonl(value);
	return 0;
}

/* Up to four hex digits at *S. False when there is none, or a fifth. */
static bool next_group(const char **s, unsigned *value)
{
	int digits = 0;

	for (*value = 0; hex_digit(**s) >= 0; (*s)++, digits++)
		*value = (*value << 4 | (unsigned)hex_digit(**s)) & 0xfffff;
	return digits > 0 && digits <= 4;
}

int address6_parse(const char *s, struct in6_addr *out)
{
	uint8_t bytes[16] = { 0 };
	size_t n = 0, gap = SIZE_MAX;
	struct in_addr v4;
	unsigned group;

	if (s[0] == ':' && s[1] != ':')
		return -EINVAL;
	while (*s) {
		if (s[0] == ':' && s[1] == ':' && gap == SIZE_MAX) {
			gap = n;
			s += 2;
			continue;
		}
		if (n && gap != n && *s++ != ':')
			return -EINVAL;
		if (n <= 12 && address_parse(s, &v4) == 0) {
			memcpy(bytes + n, &v4, 4);
			n += 4;
			break;
		}
		if (n == 16 || !next_group(&s, &group))
			return -EINVAL;
		bytes[n++] = (uint8_t)(group >> 8);
		bytes[n++] = (uint8_t)group;
	}
	if (gap == SIZE_MAX ? n != 16 : n == 16)
		return -EINVAL;
	if (gap != SIZE_MAX) {
		memmove(bytes + 16 - (n - gap), bytes + gap, n - gap);
		memset(bytes + gap, 0, 16 - n);
	}
	memcpy(out, bytes, sizeof(bytes));
	return 0;
}

int netmask_prefix(struct in_addr mask, unsigned *prefix)
{
	uint32_t zeros = ~ntohl(mask.s_addr);
	unsigned n = 32;

	if (zeros & (zeros + 1))
		return -EINVAL;
	for (; zeros; zeros >>= 1)
		n--;
	*prefix = n;
	return 0;
}

int netmask_parse(const char *s, unsigned *prefix)
{
	struct in_addr mask;
	int64_t bits;

	if (address_parse(s, &mask) == 0)
		return netmask_prefix(mask, prefix);
	if (*s == '/')
		s++;
	if (parse_number(s, 1, 32, &bits))
		return -EINVAL;
	*prefix = (unsigned)bits;
	return 0;
}

unsigned address_class_prefix(struct in_addr a)
{
	uint32_t first = ntohl(a.s_addr) >> 24;

	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

struct in_addr prefix_netmask(unsigned prefix)
{
	return (struct in_addr){ prefix ? htonl(UINT32_MAX << (32 - prefix)) : 0 };
}

struct in_addr network_of(struct in_addr a, unsigned prefix)
{
	return (struct in_addr){ a.s_addr & prefix_netmask(prefix).s_addr };
}

struct in_addr broadcast_of(struct in_addr a, unsigned prefix)
{
	return (struct in_addr){ prefix >= 31 ? 0 : a.s_addr | ~prefix_netmask(prefix).s_addr };
}

bool same_network(struct in_addr a, struct in_addr b, unsigned prefix)
{
	return network_of(a, prefix).s_addr == network_of(b, prefix).s_addr;
}

bool address_is_host(struct in_addr a)
{
	uint32_t first = ntohl(a.s_addr) >> 24;

	return first != 0 && first != 127 && first < 224;
}

bool address_is_own(struct in_addr a, unsigned prefix)
{
	if (!address_is_host(a))
		return false;
	return prefix >= 31 || (a.s_addr != network_of(a, prefix).s_addr && a.s_addr != broadcast_of(a, prefix).s_addr);
}

const char *address_text(struct in_addr a, char buf[ADDRESS_TEXT_SIZE])
{
	uint32_t v = ntohl(a.s_addr);

	snprintf(buf, ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
	return buf;
}

void words_of_others(const uint8_t *data, size_t len, char *out, size_t size)
{
	size_t n = MIN(len, size - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = data[i] >= ' ' && data[i] <= '~' ? (char)data[i] : ' ';
	out[n] = '\0';
}

bool host_name_is_sane(const char *name)
{
	size_t label = 0, len = strlen(name);

	if (!len || len > 253)
		return false;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c == '.' ? !label : !(c < 0x80 && isalnum(c)) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}
