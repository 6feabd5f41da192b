/* check_rows.h - a site -> what a look at programs, ports, firewall and image finds: the longer rows of check.c. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_CHECK_ROWS_H
#define SERVER_HEAD_CHECK_ROWS_H

#include "server/head/check.h"

/* Each looks, and adds to WHY what is wrong. */
enum check_result check_programs(struct site *site, struct buf *why); /* what is run, by its package */
enum check_result check_loaders(struct site *site, struct buf *why);  /* boot loaders, by their packages */
enum check_result check_ports(struct site *site, struct buf *why);    /* taken, and by whom */
enum check_result check_firewall(struct site *site, struct buf *why); /* rules that drop what machines send */
enum check_result check_image(struct site *site, struct buf *why);    /* there, and readable to the servers */
enum check_result check_modules(struct site *site, struct buf *why);  /* has modules for this kernel */
enum check_result check_nodes(struct site *site, struct buf *why);    /* the nodes file can be read */

/* The version in the head of a bzImage (Documentation/arch/x86/boot.rst, kernel_version), up to its first blank, into
 * OUT of SIZE bytes. 0 or -EBADMSG. */
int kernel_version(const char *path, char *out, size_t size) must_check;

/* True when RULES, as iptables-save or `nft list ruleset` print them, drop by default what comes in. */
bool firewall_drops(const char *rules);

#endif
