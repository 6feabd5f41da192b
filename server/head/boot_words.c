/* boot_words.c - a site, a node -> the words and files by which boot loaders start it; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/boot_words.h"

#include "net/address.h"

static const char *value_of(const struct node_entry *node, enum node_key key)
{
	return node ? node->value[key] : NULL;
}

static enum head_method method_of(const struct site *site, const struct node_entry *node)
{
	enum head_method m = site->method;

	if (value_of(node, NODE_METHOD) && head_method_parse(value_of(node, NODE_METHOD), &m))
		m = site->method;
	return m;
}

/* automatic=, as automatic(7) has it. */
static void add_automatic(const struct site *site, enum head_method m, const char *image, struct buf *out)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_printf(out, "automatic=method:%s,network:dhcp,log:%s", head_method_name(m),
		   address_text(site->address, text));
	switch (m) {
	case HEAD_HTTP:
		buf_str(out, ",server:");
		site_add_server(site, out);
		buf_printf(out, ",directory:/images,image:%s", image);
		break;
	case HEAD_NFS:
		buf_printf(out, ",server:%s,directory:/images,image:%s", address_text(site->address, text), image);
		break;
	case HEAD_DOLLY:
		buf_str(out, ",dolly_timeout:100 rescue dollymethod");
		break;
	case HEAD_KA:
		buf_str(out, " rescue kamethod");
		break;
	}
}

void boot_words(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	const char *own = value_of(node, NODE_IMAGE), *words = value_of(node, NODE_WORDS);

	add_automatic(site, method_of(site, node), own ? own : image, out);
	if (value_of(node, NODE_ID))
		buf_printf(out, " node_id=%s", value_of(node, NODE_ID));
	if (site->append)
		buf_printf(out, " %s", site->append);
	if (words)
		buf_printf(out, " %s", words);
}

static bool from_disk(const struct node_entry *node)
{
	return streq(value_of(node, NODE_BOOT), "disk");
}

void boot_pxelinux_name(const uint8_t mac[MAC_LEN], struct buf *out)
{
	buf_str(out, "01");
	for (size_t i = 0; i < MAC_LEN; i++)
		buf_printf(out, "-%02x", mac[i]);
}

void boot_pxelinux(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	buf_str(out, "PROMPT 0\nDEFAULT stage1\n\nLABEL stage1\n");
	if (from_disk(node)) {
		buf_str(out, "    LOCALBOOT 0\n");
		return;
	}
	buf_str(out, "    KERNEL vmlinuz\n    APPEND initrd=all.rdz ");
	boot_words(site, image, node, out);
	buf_str(out, "\n    IPAPPEND 2\n");
}

/* ---- GRUB */

/* The words, each in quotes: GRUB would read a $ or a ; in them. */
static void add_quoted(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	cleanup_buf struct buf words = { 0 };

	boot_words(site, image, node, &words);
	for (const char *p = buf_cstr(&words); *p;) {
		size_t len = strcspn(p, " ");

		if (len > 0)
			buf_printf(out, "'%.*s' ", (int)len, p);
		p += len + strspn(p + len, " ");
	}
}

void boot_grub_entry(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	if (from_disk(node)) {
		buf_str(out, "echo 'This machine boots from its disk.'\nexit\n");
		return;
	}
	buf_str(out, "linux /vmlinuz BOOTIF=01-$net_default_mac ");
	add_quoted(site, image, node, out);
	buf_str(out, "\ninitrd /all.rdz\nboot\n");
}

void boot_grub(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	buf_str(out, "set timeout=0\n"
		     "if [ -f \"/grub/node/$net_default_mac.cfg\" ]; then\n"
		     "\tconfigfile \"/grub/node/$net_default_mac.cfg\"\n"
		     "fi\n");
	boot_grub_entry(site, image, node, out);
}

/* ---- iPXE */

void boot_ipxe_entry(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	buf_str(out, "#!ipxe\n");
	if (from_disk(node)) {
		buf_str(out, "exit\n");
		return;
	}
	buf_str(out, "kernel http://");
	site_add_server(site, out);
	buf_str(out, "/vmlinuz initrd=all.rdz BOOTIF=01-${netX/mac:hexhyp} ");
	boot_words(site, image, node, out);
	buf_str(out, "\ninitrd --name all.rdz http://");
	site_add_server(site, out);
	buf_str(out, "/all.rdz\nboot\n");
}

void boot_ipxe(const struct site *site, const char *image, const struct node_entry *node, struct buf *out)
{
	cleanup_buf struct buf all = { 0 };

	buf_str(out, "#!ipxe\nchain --autofree http://");
	site_add_server(site, out);
	buf_str(out, "/ipxe/${netX/mac:hexhyp}.ipxe ||\n");
	boot_ipxe_entry(site, image, node, &all);
	buf_str(out, buf_cstr(&all) + strlen("#!ipxe\n"));
}
