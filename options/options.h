/* options.h - the arrow "kernel command line -> options": what a person asked for, as a struct. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPTIONS_OPTIONS_H
#define OPTIONS_OPTIONS_H

#include "base/buf.h"
#include "base/failure.h"

/* Every key of automatic=, in the order of automatic(7). The rows are in options/keys.def. */
enum option_key {
#define KEY(id, name, alias, values, example, meaning) KEY_##id,
#include "options/keys.def"
#undef KEY
	KEY_COUNT
};

/* One row of the table of keys. */
struct key_info {
	const char *name, *alias; /* alias "" where there is none */
	const char *values;       /* what it takes: "NAME", "dhcp|static" */
	const char *example;      /* what a key means, is in the manual only (doc/tables.c): 4 KB less */
};
extern const struct key_info key_table[KEY_COUNT];

/* A list of words, in the order they came. */
struct words {
	char **word;
	size_t count;
};

/* What the kernel command line says. Strings are owned by the struct. */
struct options {
	char *line;                   /* the whole command line, as the kernel shows it */
	const char *value[KEY_COUNT]; /* a key's value; NULL where it is absent or empty (the seeds: the same) */
	bool automatic;               /* automatic= is there */
	bool adsl; /* adsluser: or adslpass: is there, the ancestor's keys for what is no longer done */

	bool rescue;      /* word rescue, or kamethod, which implies it */
	bool kamethod;    /* word kamethod */
	bool dollymethod; /* word dollymethod */
	bool keepmounted; /* word keepmounted: the medium stays mounted in rescue */
	bool noauto;      /* word noauto: no USB probing */
	bool netauto;     /* word netauto: DHCP's boot file is the installer's answer file */
	bool read_write;  /* word rw */

	const char *node_id;      /* node_id=, or NULL */
	const char *root;         /* root=, or NULL */
	const char *init;         /* init=, or NULL */
	const char *bootif;       /* BOOTIF=01-aa-bb-..., as written, or NULL */
	int64_t ramdisk_size_kib; /* ramdisk_size=, KiB; -1 where absent */

	struct words ips;            /* ip= values (dracut's and the kernel's forms), in order */
	struct words nameservers;    /* nameserver= values, in order */
	struct words consoles;       /* console= values, in order */
	struct words module_options; /* "module.parameter=value" words, as written */
	struct words blacklist;      /* module names of modprobe.blacklist= and module_blacklist= */
	/* words for the next init: single, s, emergency, digits 1-5, and all behind -- */
	struct words init_args;
	struct words warnings; /* what was not understood, in words ready for a person */
};

/* Parses LINE (any length, double quotes as the kernel reads them). Nothing in LINE can make it fail but lack of
 * memory: what is not understood becomes a warning. 0 or -ENOMEM. */
int options_parse(struct options *o, const char *line) must_check;

/* Adds the pairs of an automatic= VALUE ("method:http,server:..."), as stage1-fetch takes it. First one wins. */
int options_add_automatic(struct options *o, const char *value) must_check;

/* Sets KEY from a person's answer; an earlier value is replaced. 0 or -ENOMEM. */
int options_set(struct options *o, enum option_key key, const char *value) must_check;

/* The value as a number; DEFAULT_VALUE where absent. A value that is none or out of MIN..MAX: *OUT is
 * DEFAULT_VALUE, F is filled (FAIL_CMD_BAD_VALUE) and -EINVAL returned. */
int options_number(const struct options *o, enum option_key key, int64_t min, int64_t max, int64_t default_value,
		   int64_t *out, struct failure *f) must_check;

void options_free(struct options *o);

#endif
