/* event_head.c - lines of dnsmasq's and nginx's logs -> events: what the head itself saw of a node. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/event.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

static bool is_mac(struct span s)
{
	if (s.len != 17)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (i % 3 == 2 ? s.at[i] != ':' : !isxdigit((unsigned char)s.at[i]))
			return false;
	}
	return true;
}

static bool is_address(struct span s)
{
	char text[48];
	struct in6_addr ignored;

	if (!s.len || s.len >= sizeof(text) || memchr(s.at, '\0', s.len))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1;
}

/* ---- dnsmasq: "Oct 11 22:14:15 dnsmasq-dhcp[812]: DHCPACK(eth1) 10.0.1.31 52:54:00:12:34:56 node7" */

/* Takes "dnsmasq-dhcp[812]: " off, with what stands before it; *WHO: "dnsmasq-dhcp". */
static bool take_program(struct span *s, struct span *who)
{
	const char *found = s->len ? memmem(s->at, s->len, "dnsmasq", 7) : NULL;

	if (!found)
		return false;
	*s = (struct span){ found, s->len - (size_t)(found - s->at) };
	*who = span_cut(s, ':');
	who->len = strnlen(who->at, who->len);
	for (size_t i = 0; i < who->len; i++) {
		if (who->at[i] == '[')
			who->len = i;
	}
	return span_skip(s, " ");
}

/* With log-dhcp a number stands before each line: "3735928559 ". */
static void skip_transaction(struct span *s)
{
	struct span rest = *s;
	int64_t ignored;

	if (span_number(span_cut(&rest, ' '), &ignored) == 0)
		*s = rest;
}

/* The words of a DHCP line behind its kind: addresses and MAC in any order, then a name. */
static void read_words(struct event *e, struct span s)
{
	while (s.len) {
		struct span word = span_cut(&s, ' ');

		if (is_mac(word))
			text_clean(e->mac, sizeof(e->mac), word);
		else if (!e->address[0] && is_address(word))
			text_clean(e->address, sizeof(e->address), word);
		else if (e->mac[0] && !e->name[0] && word.len && !is_address(word))
			text_clean(e->name, sizeof(e->name), word);
	}
	for (char *p = e->mac; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

static int read_dhcp(struct event *e, struct span s)
{
	struct span kind;

	skip_transaction(&s);
	kind = span_cut(&s, '(');
	(void)span_cut(&s, ' ');
	if (span_is(kind, "DHCPDISCOVER") || span_is(kind, "PXE"))
		e->kind = EVENT_DISCOVER;
	else if (span_is(kind, "DHCPACK"))
		e->kind = EVENT_LEASE;
	else
		return -ENOMSG;
	read_words(e, s);
	if (e->kind == EVENT_DISCOVER)
		e->address[0] = e->name[0] = '\0'; /* what it asks for, or had once; behind it, what is wrong */
	return e->mac[0] && (e->kind == EVENT_DISCOVER || e->address[0]) ? 0 : -ENOMSG;
}

/* "sent /srv/tftp/pxelinux.0 to 10.0.1.31"; the name may hold " to ". */
static int read_tftp(struct event *e, struct span s)
{
	size_t n = s.len;

	if (!span_skip(&s, "sent "))
		return -ENOMSG;
	n = s.len;
	while (n && s.at[n - 1] != ' ')
		n--;
	if (n < 4 || memcmp(s.at + n - 4, " to ", 4) != 0)
		return -ENOMSG;
	text_clean(e->address, sizeof(e->address), (struct span){ s.at + n, s.len - n });
	text_clean(e->words, sizeof(e->words), (struct span){ s.at, n - 4 });
	e->kind = EVENT_TFTP;
	return is_address(span_of(e->address)) ? 0 : -ENOMSG;
}

int event_of_dnsmasq(struct event *e, const char *line, size_t len)
{
	struct span s = { line, len }, who;

	*e = (struct event){ .severity = 6 };
	if (!take_program(&s, &who))
		return -ENOMSG;
	if (span_is(who, "dnsmasq-dhcp"))
		return read_dhcp(e, s);
	return span_is(who, "dnsmasq-tftp") ? read_tftp(e, s) : -ENOMSG;
}

/* ---- nginx, combined: 10.0.1.31 - - [time] "GET /x HTTP/1.1" 200 123 "referer" "agent" */

/* What fetches on behalf of firmware and boot loaders calls itself so. */
static bool is_firmware(struct span agent)
{
	static const char *const names[] = { "UefiHttpBoot", "iPXE", "GRUB" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (agent.len && memmem(agent.at, agent.len, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* "GET /x HTTP/1.1" -> /x. */
static struct span path_of(struct span request)
{
	(void)span_cut(&request, ' ');
	return span_cut(&request, ' ');
}

int event_of_nginx(struct event *e, const char *line, size_t len)
{
	struct span s = { line, len }, address = span_cut(&s, ' '), request, path;
	int64_t status;

	*e = (struct event){ .kind = EVENT_HTTP, .severity = 6 };
	if (!is_address(address))
		return -ENOMSG;
	(void)span_cut(&s, '"');
	request = span_cut(&s, '"');
	path = path_of(request);
	(void)span_cut(&s, ' ');
	if (!path.len || span_number(span_cut(&s, ' '), &status))
		return -ENOMSG;
	(void)span_cut(&s, '"');
	(void)span_cut(&s, '"');
	(void)span_cut(&s, '"');
	if (is_firmware(span_cut(&s, '"')))
		e->kind = EVENT_FIRMWARE;
	text_clean(e->address, sizeof(e->address), address);
	e->severity = status >= 400 ? 4 : 6;
	text_clean(e->words, sizeof(e->words), path);
	if (status >= 400) {
		char whole[256];

		snprintf(whole, sizeof(whole), "%d %.200s", (int)status, e->words);
		text_clean(e->words, sizeof(e->words), span_of(whole));
	}
	return 0;
}
