/* boot_words.h - a site, a node -> the words and files by which boot loaders start it; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_BOOT_WORDS_H
#define SERVER_HEAD_BOOT_WORDS_H

#include "server/head/nodes.h"
#include "server/head/site.h"

/* What every machine gets: IMAGE is a name below the image folder. NODE may be NULL, or say nothing. Adds the words of
 * the kernel's command line, without those of one boot loader. */
void boot_words(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);

/* A file of pxelinux.cfg, in the form of the seeds. */
void boot_pxelinux(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);

/* A file that grub.cfg reads for one machine, and grub.cfg itself, which looks for the machine's own file. */
void boot_grub_entry(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);
void boot_grub(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);

/* A script of iPXE for one machine, and the one that looks for it. */
void boot_ipxe_entry(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);
void boot_ipxe(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);

/* "01-00-02-b3-3f-78-8c": the name under which pxelinux asks for a machine's own file. Adds it to OUT. */
void boot_pxelinux_name(const uint8_t mac[MAC_LEN], struct buf *out);

#endif
