/* config.h - a site, its nodes -> the configuration of each server that is supervised; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_CONFIG_H
#define SERVER_HEAD_CONFIG_H

#include "server/head/nodes.h"
#include "server/head/site.h"

/* What of the boot loaders is there to be handed out. */
struct loaders {
	bool pxelinux;      /* BIOS */
	bool shim;          /* shimx64.efi and the signed grubx64.efi */
	bool plain;         /* plainx64.efi: a GRUB of this machine's own making, which no key has signed */
	bool plain32;       /* plainia32.efi */
	bool ipxe;          /* ipxe/: the site's own signed shim and iPXE */
	char ipxe_name[64]; /* that shim's name in there */
};

/* Everything for dnsmasq: DHCP or proxy-DHCP, and TFTP. USER: whom it becomes. */
void config_dnsmasq(const struct site *site, const struct loaders *have, const char *user, struct buf *out);

/* dnsmasq's list of machines: addresses and names by card. */
void config_hosts(const struct nodes *nodes, struct buf *out);

/* The web server. USER: whom its workers become. */
void config_nginx(const struct site *site, const char *user, struct buf *out);

/* dolly.cfg(5) for IMAGE, a path. */
void config_dolly(const struct site *site, const char *image, struct buf *out);

/* nfs-ganesha: the image folder, read-only. */
void config_ganesha(const struct site *site, struct buf *out);

#endif
