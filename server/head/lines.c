/* lines.c - a site -> the lines that another DHCP server needs, so that machines boot from this head node. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/lines.h"

#include "base/help.h"
#include "net/address.h"
#include "server/head/boot_files.h"
#include "server/head/commands.h"
#include "server/head/files.h"
#include "server/head/say.h"

#include <stdio.h>

static const char usage_text[] = "usage: head-node lines dhcpd|kea|dnsmasq|windows --interface IF ...\n";

/* What each architecture is told to fetch (RFC 4578, 2.1, and the numbers added since). With next-server given by the
 * server of the addresses itself, Debian's signed GRUB finds its way: Secure Boot works. */
static const struct arch {
	const char *name;
	unsigned number;
	bool http;
	const char *file;
} arches[] = {
	{ "bios", 0, false, "pxelinux.0" },     { "efi32", 6, false, "plainia32.efi" },
	{ "efi64", 7, false, "shimx64.efi" },   { "efi64-9", 9, false, "shimx64.efi" },
	{ "http64", 16, true, "plainx64.efi" },
};

static const char *file_of(const struct arch *a, const struct loaders *have)
{
	return streq(a->file, "shimx64.efi") && !have->shim ? "plainx64.efi" : a->file;
}

static void add_url(const struct site *site, const char *file, struct buf *out)
{
	buf_str(out, "http://");
	site_add_server(site, out);
	buf_printf(out, "/%s", file);
}

static void add_dhcpd(const struct site *site, const struct loaders *have, struct buf *out)
{
	char head[ADDRESS_TEXT_SIZE];

	buf_str(out, "# dhcpd.conf of ISC dhcpd: outside of any subnet\noption arch code 93 = unsigned integer 16;\n");
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		const struct arch *a = &arches[i];

		buf_printf(out, "%sif option arch = 00:%02x {\n    next-server %s;\n    filename \"",
			   i ? "} else " : "", a->number, address_text(site->address, head));
		if (a->http)
			add_url(site, file_of(a, have), out);
		else
			buf_str(out, file_of(a, have));
		buf_str(out, "\";\n");
		if (a->http)
			buf_str(out, "    option vendor-class-identifier \"HTTPClient\";\n");
	}
	buf_str(out, "}\n");
}

static void add_kea_class(const struct site *site, const struct arch *a, const struct loaders *have, struct buf *out)
{
	char head[ADDRESS_TEXT_SIZE];

	buf_printf(out,
		   "    { \"name\": \"stage1-%s\", \"test\": \"option[93].hex == 0x%04x\", \"next-server\": \"%s\",\n"
		   "      \"boot-file-name\": \"",
		   a->name, a->number, address_text(site->address, head));
	if (a->http)
		add_url(site, file_of(a, have), out);
	else
		buf_str(out, file_of(a, have));
	buf_str(out, "\"");
	if (a->http)
		buf_str(out, ",\n      \"option-data\": [ { \"name\": \"vendor-class-identifier\", \"data\": "
			     "\"HTTPClient\", "
			     "\"always-send\": true } ]");
	buf_str(out, " }");
}

static void add_kea(const struct site *site, const struct loaders *have, struct buf *out)
{
	buf_str(out, "    // kea-dhcp4.conf: within \"Dhcp4\"\n    \"client-classes\": [\n");
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		buf_str(out, i ? ",\n" : "");
		add_kea_class(site, &arches[i], have, out);
	}
	buf_str(out, "\n    ]\n");
}

static void add_dnsmasq(const struct site *site, const struct loaders *have, struct buf *out)
{
	char head[ADDRESS_TEXT_SIZE];

	buf_str(out, "# dnsmasq.conf\n");
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		buf_printf(out, "dhcp-match=set:stage1-%s,option:client-arch,%u\n", arches[i].name, arches[i].number);
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		const struct arch *a = &arches[i];

		buf_printf(out, "dhcp-boot=tag:stage1-%s,", a->name);
		if (a->http)
			add_url(site, file_of(a, have), out);
		else
			buf_printf(out, "%s,,%s", file_of(a, have), address_text(site->address, head));
		buf_char(out, '\n');
		if (a->http)
			buf_printf(out, "dhcp-option-force=tag:stage1-%s,60,HTTPClient\n", a->name);
	}
}

static void add_windows_class(const char *name, unsigned number, struct buf *out)
{
	buf_printf(out, "Add-DhcpServerv4Class -Name \"stage1 %s\" -Type Vendor -Data \"PXEClient:Arch:%05u\"\n", name,
		   number);
}

/* Option 66 is the server, 67 the file (RFC 2132, 9.4 and 9.5); a policy chooses by the class. */
static void add_windows_policy(const struct site *site, const char *name, const char *file, struct buf *out)
{
	char head[ADDRESS_TEXT_SIZE], net[ADDRESS_TEXT_SIZE];

	address_text(site->address, head);
	address_text(network_of(site->address, site->prefix), net);
	buf_printf(
		out,
		"Add-DhcpServerv4Policy -ScopeId %s -Name \"stage1 %s\" -Condition OR -VendorClass EQ,\"stage1 %s*\"\n"
		"Set-DhcpServerv4OptionValue -ScopeId %s -PolicyName \"stage1 %s\" -OptionId 66 -Value %s\n"
		"Set-DhcpServerv4OptionValue -ScopeId %s -PolicyName \"stage1 %s\" -OptionId 67 -Value %s\n",
		net, name, name, net, name, head, net, name, file);
}

static void add_windows(const struct site *site, const struct loaders *have, struct buf *out)
{
	buf_str(out, "# PowerShell, as an administrator of the DHCP server\n");
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		const struct arch *a = &arches[i];

		if (a->http)
			continue; /* its answer needs option 60, which this server does not let a policy set */
		add_windows_class(a->name, a->number, out);
		add_windows_policy(site, a->name, file_of(a, have), out);
	}
}

int lines_for(const char *kind, const struct site *site, const struct loaders *have, struct buf *out)
{
	static const struct {
		const char *kind;
		void (*add)(const struct site *site, const struct loaders *have, struct buf *out);
	} kinds[] = {
		{ "dhcpd", add_dhcpd },
		{ "kea", add_kea },
		{ "dnsmasq", add_dnsmasq },
		{ "windows", add_windows },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!streq(kind, kinds[i].kind))
			continue;
		kinds[i].add(site, have, out);
		return out->failed ? -ENOMEM : 0;
	}
	return -ENOENT;
}

static int print(const char *kind, struct site *site)
{
	struct loaders have = { .shim = file_is("/usr/lib/shim/shimx64.efi.signed") };
	cleanup_buf struct buf out = { 0 };
	int err = site_look(site);

	if (err && err != -ERANGE) {
		head_say("%s: %s", site->interface, strerror(-err));
		return 1;
	}
	err = lines_for(kind, site, &have, &out);
	fputs(err ? usage_text : buf_cstr(&out), err ? stderr : stdout);
	return err ? 2 : 0;
}

int head_lines(int argc, char **argv)
{
	struct site site = { 0 };
	int status = 2;

	if (help_given(argc, argv, "head-node lines", usage_text))
		return 0;
	if (argc < 2 || site_parse(argc - 1, argv + 1, &site))
		fputs(usage_text, stderr);
	else
		status = print(argv[1], &site);
	site_free(&site);
	return status;
}
