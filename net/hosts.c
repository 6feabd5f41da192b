/* hosts.c - the text of resolv.conf and hosts -> name servers, search list, addresses; the names of interfaces are all
 * they ask for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/hosts.h"

#include "net/address.h"
#include "net/dns_packet.h"
#include "net/frame6.h"

#include <net/if.h>

/* ---- addresses */

int address_list_add(struct address_list *list, const struct in6_addr *ip, uint16_t port, uint32_t scope)
{
	struct peer_address *more = realloc(list->address, (list->count + 1) * sizeof(*more)), *a;

	if (!more)
		return -ENOMEM;
	list->address = more;
	a = &more[list->count++];
	*a = (struct peer_address){ 0 };
	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		a->u.in.sin_family = AF_INET;
		a->u.in.sin_port = htons(port);
		memcpy(&a->u.in.sin_addr, (const uint8_t *)ip + 12, 4);
		a->len = sizeof(a->u.in);
	} else {
		a->u.in6.sin6_family = AF_INET6;
		a->u.in6.sin6_port = htons(port);
		a->u.in6.sin6_addr = *ip;
		a->u.in6.sin6_scope_id = scope;
		a->len = sizeof(a->u.in6);
	}
	return 0;
}

void address_list_free(struct address_list *list)
{
	free(list->address);
	*list = (struct address_list){ 0 };
}

int ip_parse(const char *text, struct in6_addr *ip, uint32_t *scope)
{
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	char plain[64], *percent;
	struct in_addr v4;
	size_t len = strlen(text);
	int64_t number = 0;

	*scope = 0;
	if (address_parse(text, &v4) == 0) {
		memcpy(mapped + 12, &v4, 4);
		memcpy(ip, mapped, sizeof(mapped));
		return 0;
	}
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(plain))
		return -EINVAL;
	memcpy(plain, text, len);
	plain[len] = '\0';
	percent = strchr(plain, '%');
	if (percent) {
		*percent++ = '\0';
		*scope = parse_number(percent, 1, INT32_MAX, &number) ? if_nametoindex(percent) : (uint32_t)number;
	}
	return percent && !*scope ? -EINVAL : address6_parse(plain, ip);
}

/* ---- words and lines */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of the line at *P. NULL at the line's end or a comment; else a copy to be freed. *ENOUGH is
 * cleared when memory runs out. */
static char *next_word(const char **p, bool *enough)
{
	const char *start;
	char *word;

	while (is_blank(**p))
		(*p)++;
	start = *p;
	if (*start == '#' || *start == ';')
		return NULL;
	while (**p && **p != '\n' && !is_blank(**p))
		(*p)++;
	if (*p == start)
		return NULL;
	word = strndup(start, (size_t)(*p - start));
	*enough &= word != NULL;
	return word;
}

static void next_line(const char **p)
{
	*p += strcspn(*p, "\n");
	if (**p)
		(*p)++;
}

/* ---- resolv.conf */

static void forget_search(struct resolver *r)
{
	for (size_t i = 0; i < r->search_count; i++)
		free(r->search[i]);
	free(r->search);
	r->search = NULL;
	r->search_count = 0;
}

/* DOMAIN becomes R's. */
static int add_search(struct resolver *r, char *domain)
{
	char **more = realloc(r->search, (r->search_count + 1) * sizeof(*more));

	if (!more) {
		free(domain);
		return -ENOMEM;
	}
	r->search = more;
	more[r->search_count++] = domain;
	return 0;
}

/* Sets the search list to the words of LIST (separated by blanks). 0 or -ENOMEM. */
static int set_search(struct resolver *r, const char *list)
{
	bool enough = true;
	char *word;

	forget_search(r);
	while ((word = next_word(&list, &enough)) != NULL)
		if (add_search(r, word))
			return -ENOMEM;
	return enough ? 0 : -ENOMEM;
}

static int add_server(struct resolver *r, const char *text)
{
	struct in6_addr ip;
	uint32_t scope;

	return ip_parse(text, &ip, &scope) ? 0 : address_list_add(&r->servers, &ip, DNS_PORT, scope);
}

int resolver_read(struct resolver *r, const char *text)
{
	bool enough = true;
	int err = 0;

	for (; *text && !err; next_line(&text)) {
		cleanup_free char *key = next_word(&text, &enough);

		if (streq(key, "nameserver")) {
			cleanup_free char *value = next_word(&text, &enough);

			err = value ? add_server(r, value) : 0;
		} else if (streq(key, "search") || streq(key, "domain")) { /* the last one counts */
			err = set_search(r, text);
		}
		if (!enough)
			err = -ENOMEM;
	}
	return err;
}

int resolver_of_network(struct resolver *r, const struct network *net)
{
	int err = 0;

	for (size_t i = 0; i < net->dns_count && !err; i++) {
		uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
		struct in6_addr ip;

		memcpy(mapped + 12, &net->dns[i], 4);
		memcpy(&ip, mapped, sizeof(ip));
		err = address_list_add(&r->servers, &ip, DNS_PORT, 0);
	}
	for (size_t i = 0; i < net->dns6_count && !err; i++)
		err = address_list_add(&r->servers, &net->dns6[i], DNS_PORT,
				       ip6_is_link_local(&net->dns6[i]) ? (uint32_t)net->ifindex : 0);
	if (!err && (net->search || net->domain))
		err = set_search(r, net->search ? net->search : net->domain);
	return err;
}

void resolver_free(struct resolver *r)
{
	address_list_free(&r->servers);
	forget_search(r);
}

/* ---- hosts */

int hosts_find(const char *text, const char *name, uint16_t port, struct address_list *found)
{
	bool enough = true;
	int err = 0;

	for (; *text && !err; next_line(&text)) {
		cleanup_free char *address = next_word(&text, &enough);
		struct in6_addr ip;
		uint32_t scope;
		bool match = false;
		char *word;

		if (!address || ip_parse(address, &ip, &scope))
			continue;
		while ((word = next_word(&text, &enough)) != NULL) {
			match |= dns_name_equal(word, name);
			free(word);
		}
		if (match)
			err = address_list_add(found, &ip, port, scope);
		if (!enough)
			err = -ENOMEM;
	}
	return err;
}
