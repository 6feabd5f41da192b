/* conf.h - dolly.cfg text (both published forms, and ours) <-> struct dolly_conf; pure functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_DOLLY_CONF_H
#define RELAY_DOLLY_CONF_H

#include "base/buf.h"

/* What a dolly.cfg says. Strings are owned by the struct. */
struct dolly_conf {
	char *infile, *outfile;
	/* `compressed infile`: nodes unpack; `compressed outfile`: the server packs */
	bool in_compressed, out_compressed;
	bool in_split;     /* infile is NAME_0, NAME_1 ... */
	int64_t out_split; /* bytes per part of outfile; 0: one */
	int64_t segsize;   /* 0: not given */
	unsigned fanout;   /* 1 where not given */
	unsigned add;      /* extra data links; 0 */
	char *add_suffix;  /* after the number: ":suffix..." */
	bool add_inside;   /* `add2`: it goes before the first digit of a name, not behind the name */
	bool hyphennormal;
	char *server, *first, *last; /* NULL: not given, the newer form */
	char **host;
	size_t hosts;
	size_t clients;  /* `clients N`: how many there should be, 0: not said */
	uint32_t wanted; /* `clients auto N`: nodes that announce themselves */
	bool old_form;   /* it has server, firstclient, lastclient or clients lines: the form up to 0.64 */
};

/* True when TEXT holds a line that begins with "endconfig". */
bool dolly_conf_complete(const char *text, size_t len);

/* Reads a configuration. Lines of the old form may come in any order, blank lines, comments (#), blanks around and CRLF
 * are taken. 0, -ENOMEM, or -EBADMSG with ERROR filled: what is wrong in which line. */
int dolly_conf_parse(struct dolly_conf *c, const char *text, size_t len, char *error, size_t size) must_check;

/* Adds one host. 0 or -ENOMEM. */
int dolly_conf_add_host(struct dolly_conf *c, const char *name, size_t len) must_check;

/* Adds all hosts of LIST, as relay/dolly/hosts.h reads it. 0, -ENOMEM, or -EINVAL where one is no name. */
int dolly_conf_add_hosts(struct dolly_conf *c, const char *list) must_check;

/* The name under which the node of host line HOST is reached: HOST, or with `add 0` another interface of it. To be
 * freed; NULL when memory ran out. */
char *dolly_conf_reach(const struct dolly_conf *c, const char *host);

/* The text originals understand: of the old form (OLD) or the newer one, for hosts FROM up to the last. */
int dolly_conf_write(const struct dolly_conf *c, bool old, size_t from, struct buf *out);

void dolly_conf_free(struct dolly_conf *c);

#endif
