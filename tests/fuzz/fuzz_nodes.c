/* fuzz_nodes.c - any bytes as a nodes file, a DHCP request, a line of the kernel's -> rows or a reason, never a crash.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/boot_words.h"
#include "server/head/config.h"
#include "server/head/ports.h"
#include "server/head/seen.h"
#include "server/head/supervise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is read again from what is written, and is the same. */
static void rewrite(const struct nodes *nodes)
{
	struct buf text = { 0 }, again = { 0 }, why = { 0 };
	struct nodes second;

	nodes_write(nodes, &text);
	if (nodes_read(buf_cstr(&text), text.len, &second, &why))
		abort();
	nodes_write(&second, &again);
	if (strcmp(buf_cstr(&text), buf_cstr(&again)) != 0 || second.count != nodes->count)
		abort();
	nodes_free(&second);
	buf_free(&text);
	buf_free(&again);
	buf_free(&why);
}

static void use(struct nodes *nodes)
{
	static const uint8_t mac[MAC_LEN] = { 0, 2, 0xb3, 0x3f, 0x78, 0x81 };
	struct site site = { .state = (char *)"/s", .interface = "eth0" };
	struct node_entry n;
	struct buf out = { 0 };

	if (nodes_find(nodes, mac, &n))
		boot_grub_entry(&site, "a", &n, &out);
	config_hosts(nodes, &out);
	rewrite(nodes);
	if (nodes_set(nodes, "00:02:b3:3f:78:81", NODE_BOOT, "disk", &out) == 0)
		rewrite(nodes);
	if (nodes_set(nodes, "00:02:b3:3f:78:81", NODE_WORDS, NULL, &out) == 0)
		rewrite(nodes);
	if (nodes_remove(nodes, "00:02:b3:3f:78:81") == 0)
		rewrite(nodes);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct port port = { true, 80 };
	struct seen_machine machine;
	struct buf why = { 0 };
	struct nodes nodes;
	unsigned long inode;
	char *text = strndup((const char *)data, size);

	if (nodes_read((const char *)data, size, &nodes, &why) == 0)
		use(&nodes);
	nodes_free(&nodes);
	(void)!seen_read(data, size, &machine);
	if (text) {
		(void)!seen_parse(text, &machine);
		port_line_takes(text, &port, (struct in_addr){ 0 }, &inode);
		(void)child_left_over(text);
	}
	free(text);
	buf_free(&why);
	return 0;
}
