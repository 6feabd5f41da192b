/* config_dnsmasq.c - a site, its nodes -> dnsmasq.conf and its list of machines. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/config.h"

#include "net/address.h"

/* RFC 4578, 2.1, and what was added there since: the firmware says which it is. dnsmasq's own names for 7 and 9 are
 * swapped, so these are numbers. */
static const struct {
	unsigned number;
	const char *tag;
} architectures[] = {
	{ 0, "bios" }, { 6, "efi32" }, { 7, "efi64" }, { 9, "efi64" }, { 15, "http32" }, { 16, "http64" },
};

/* What a UEFI of 64 bits gets: where the network's own DHCP server gives the addresses, Debian's signed GRUB does not
 * find its way back here, since it reads the offer of no proxy. */
static const char *efi64_file(const struct site *site, const struct loaders *have)
{
	bool proxy = site->dhcp == HEAD_DHCP_PROXY;

	if (proxy)
		return have->plain ? "plainx64.efi" : NULL;
	return have->shim ? "shimx64.efi" : have->plain ? "plainx64.efi" : NULL;
}

/* Old iPXE ROMs hand shim a wrong size; under Secure Boot no such ROM runs, so the GRUB will do for them. */
static const char *efi64_rom_file(const struct site *site, const struct loaders *have)
{
	bool proxy = site->dhcp == HEAD_DHCP_PROXY;

	return have->shim && !proxy ? "grubx64.efi" : efi64_file(site, have);
}

static void add_tags(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		buf_printf(out, "dhcp-match=set:%s,option:client-arch,%u\n", architectures[i].tag,
			   architectures[i].number);
	buf_str(out, "dhcp-match=set:ipxe,175\n"
		     "dhcp-userclass=set:ipxe,iPXE\n"
		     "dhcp-vendorclass=set:http,HTTPClient\n");
}

static void add_boot(struct buf *out, const char *tags, const char *file)
{
	if (file)
		buf_printf(out, "dhcp-boot=%s,%s\n", tags, file);
}

/* UEFI HTTP boot: an address in place of a file, and its own class in the answer (UEFI 2.10, 24.7.3). */
static void add_http(const struct site *site, const char *tag, const char *folder, const char *file, bool have,
		     struct buf *out)
{
	if (!have)
		return;
	buf_printf(out, "dhcp-boot=tag:%s,\"http://", tag);
	site_add_server(site, out);
	buf_printf(out, "/%s%s\"\ndhcp-option-force=tag:%s,60,HTTPClient\n", folder, file, tag);
}

static void add_script(const struct site *site, struct buf *out)
{
	if (!site->ipxe)
		return;
	buf_str(out, "dhcp-boot=tag:ipxe,\"http://");
	site_add_server(site, out);
	buf_str(out, "/boot.ipxe\"\n");
}

/* Of several lines that fit dnsmasq takes the one with most tags behind it, of these the first. */
static void add_own(const struct site *site, const struct loaders *have, struct buf *out)
{
	char ipxe[96] = "ipxe/";
	bool signed_ipxe = have->ipxe && !str_copy(ipxe + 5, sizeof(ipxe) - 5, have->ipxe_name);

	add_script(site, out);
	add_boot(out, site->ipxe ? "tag:bios,tag:!ipxe" : "tag:bios", have->pxelinux ? "pxelinux.0" : NULL);
	add_boot(out, site->ipxe ? "tag:efi32,tag:!ipxe" : "tag:efi32", have->plain32 ? "plainia32.efi" : NULL);
	add_boot(out, "tag:efi64,tag:!ipxe", signed_ipxe ? ipxe : efi64_file(site, have));
	if (!site->ipxe)
		add_boot(out, "tag:efi64,tag:ipxe", efi64_rom_file(site, have));
	add_http(site, "http64", signed_ipxe ? "loader/" : "plainx64.efi", signed_ipxe ? have->ipxe_name : "",
		 signed_ipxe || have->plain, out);
	add_http(site, "http32", "plainia32.efi", "", have->plain32, out);
}

static void add_service(struct buf *out, const char *tags, unsigned architecture, const char *file)
{
	if (file)
		buf_printf(out, "pxe-service=%s%u,\"stage1\",%s\n", tags, architecture, file);
}

static void add_proxy(const struct site *site, const struct loaders *have, struct buf *out)
{
	char ipxe[96] = "ipxe/";
	bool signed_ipxe = have->ipxe && !str_copy(ipxe + 5, sizeof(ipxe) - 5, have->ipxe_name);
	const char *rom = signed_ipxe ? "tag:!ipxe," : "";

	add_script(site, out);
	if (site->ipxe)
		rom = "tag:!ipxe,";
	add_service(out, site->ipxe ? rom : "", 0, have->pxelinux ? "pxelinux.0" : NULL);
	add_service(out, site->ipxe ? rom : "", 6, have->plain32 ? "plainia32.efi" : NULL);
	for (unsigned a = 7; a <= 9; a += 2) {
		add_service(out, rom, a, signed_ipxe ? ipxe : efi64_file(site, have));
		if (signed_ipxe && !site->ipxe)
			add_service(out, "tag:ipxe,", a, efi64_rom_file(site, have));
	}
}

static void add_ranges(const struct site *site, struct buf *out)
{
	char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];

	if (site->dhcp == HEAD_DHCP_PROXY) {
		buf_printf(out, "dhcp-range=%s,proxy,%s\n", address_text(network_of(site->address, site->prefix), a),
			   address_text(prefix_netmask(site->prefix), b));
		return;
	}
	buf_printf(out, "dhcp-range=%s,%s,", address_text(site->first, a), address_text(site->last, b));
	buf_printf(out, "%s,12h\n", address_text(prefix_netmask(site->prefix), a));
	/* 3 and 6 without a value: not told at all, where dnsmasq would tell its own address */
	buf_printf(out, "dhcp-option=3%s%s\n", site->router.s_addr ? "," : "",
		   site->router.s_addr ? address_text(site->router, a) : "");
	buf_printf(out, "dhcp-option=6%s%s\n", site->dns.s_addr ? "," : "",
		   site->dns.s_addr ? address_text(site->dns, a) : "");
}

static void add_dhcp(const struct site *site, const struct loaders *have, struct buf *out)
{
	add_ranges(site, out);
	buf_printf(out, "dhcp-leasefile=%s/leases\ndhcp-hostsfile=%s/hosts\n", site->state, site->state);
	/* a ping takes three seconds for each machine, one after the other */
	buf_str(out, "no-ping\nlog-dhcp\nquiet-ra\n");
	add_tags(out);
	if (site->dhcp == HEAD_DHCP_PROXY)
		add_proxy(site, have, out);
	else
		add_own(site, have, out);
}

void config_dnsmasq(const struct site *site, const struct loaders *have, const char *user, struct buf *out)
{
	buf_str(out, "# made by head-node: changes are lost\n");
	buf_printf(out, "port=0\ninterface=%s\nbind-interfaces\nexcept-interface=lo\n", site->interface);
	buf_printf(out, "user=%s\ngroup=%s\npid-file=\nno-resolv\nno-hosts\n", user,
		   streq(user, "root") ? "root" : "nogroup");
	buf_printf(out, "enable-tftp=%s\ntftp-root=%s/tftp\ntftp-max=1000\n", site->interface, site->state);
	if (site->dhcp != HEAD_DHCP_NONE)
		add_dhcp(site, have, out);
}

void config_hosts(const struct nodes *nodes, struct buf *out)
{
	for (size_t i = 0; i < nodes->count; i++) {
		const struct node_entry *n = &nodes->node[i];

		if (!node_is_one(n->pattern, NULL) || (!n->value[NODE_ADDRESS] && !n->value[NODE_NAME]))
			continue;
		buf_str(out, n->pattern);
		if (n->value[NODE_ADDRESS])
			buf_printf(out, ",%s", n->value[NODE_ADDRESS]);
		if (n->value[NODE_NAME])
			buf_printf(out, ",%s", n->value[NODE_NAME]);
		buf_char(out, '\n');
	}
}
