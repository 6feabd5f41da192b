/* fuzz_dns.c - any bytes as a DNS answer, resolv.conf or hosts -> addresses or an error, never a crash. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dns_packet.h"
#include "net/hosts.h"
#include "net/reverse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name from a server becomes the node's only where it is one that a host can have. */
static void as_own_name(const char *full)
{
	struct network net = { 0 };

	if (reverse_take(&net, full) && (!*net.hostname || strpbrk(net.hostname, ". \n'\"$`")))
		abort();
	network_free(&net);
}

static void as_answer(const uint8_t *data, size_t size, enum dns_type type)
{
	struct dns_answer answer;
	struct buf query = { 0 };
	uint8_t *message;

	/* the question is put in front, else nothing but a lucky guess gets behind it */
	if (dns_query_write(&query, 0x1234, "www.example.org", type))
		return;
	buf_add(&query, data, size);
	message = (uint8_t *)query.data;
	message[2] |= 0x80;
	message[7] = size ? data[0] & 0x1f : 0;
	if (dns_answer_read(message, query.len, 0x1234, "www.example.org", type, &answer) == 0) {
		if (type == DNS_PTR)
			as_own_name(answer.name);
		dns_answer_free(&answer);
	}
	buf_free(&query);
	if (dns_answer_read(data, size, 0x1234, "www.example.org", type, &answer) == 0)
		dns_answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_PTR };
	struct address_list found = { 0 };
	struct resolver r = { 0 };
	char *text = strndup((const char *)data, size);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		as_answer(data, size, types[i]);
	if (text) {
		(void)!resolver_read(&r, text);
		(void)!hosts_find(text, "mirror", 80, &found);
	}
	resolver_free(&r);
	address_list_free(&found);
	free(text);
	return 0;
}
