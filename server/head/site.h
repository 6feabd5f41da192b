/* site.h - the words of `head-node serve` -> what is served, where, how, and from which files. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_SITE_H
#define SERVER_HEAD_SITE_H

#include "base/buf.h"
#include "net/card.h"

#include <netinet/in.h>

#define HEAD_STATE "/var/lib/head-node" /* --state, where silent */

enum head_method { HEAD_HTTP, HEAD_DOLLY, HEAD_KA, HEAD_NFS };

/* Who answers DHCP. */
enum head_dhcp {
	HEAD_DHCP_AUTO,  /* what is on the wire decides: one of the next two */
	HEAD_DHCP_OWN,   /* addresses and boot files */
	HEAD_DHCP_PROXY, /* boot files only, beside the network's server (PXE 2.1, section 2.2.3) */
	HEAD_DHCP_NONE,  /* nothing: the network's server has the lines of `head-node lines` */
};

/* All that serve, check and install go by. Zero: silent. Release it with site_free. */
struct site {
	const char *interface; /* the wire; from the command line, as all pointers to const */
	const char *image;     /* a file or a folder; NULL: a Debian that is built */
	const char *append;    /* words for every node's kernel; NULL: none */
	const char *boot;      /* the folder with vmlinuz and all.rdz; NULL: where this program was installed */
	char *state;           /* the folder for all that is written, absolute */
	char *files;           /* the folder with vmlinuz and all.rdz */
	char *tools;           /* the program that builds an image (demo-image) */
	enum head_method method;
	enum head_dhcp dhcp;
	unsigned nodes;             /* how many there are; 0: not known */
	uint16_t http_port;         /* of the web server */
	uint16_t page_port;         /* of the page that shows the status */
	uint16_t syslog_port;       /* UDP, of what the nodes say; 0: another program takes that */
	struct in_addr first, last; /* addresses that are given; 0.0.0.0: from the network */
	struct in_addr router, dns; /* told to the nodes; 0.0.0.0: none */
	struct in_addr wish;        /* --address; 0.0.0.0: the interface has one */
	unsigned wish_prefix;       /* of it */
	bool ipxe;                  /* what says of itself that it is iPXE gets the script */
	bool wish_set;              /* the address was given to the interface by this process */
	int ifindex;                /* of the interface; 0: there is none */
	uint8_t mac[MAC_LEN];       /* its card's */
	struct in_addr address;     /* its IPv4 address */
	unsigned prefix;            /* bits of its network */
};

/* "http" -> HEAD_HTTP; "own" -> HEAD_DHCP_OWN. 0 or -EINVAL. And back; never NULL. */
int head_method_parse(const char *s, enum head_method *method) must_check;
int head_dhcp_parse(const char *s, enum head_dhcp *dhcp) must_check;
const char *head_method_name(enum head_method method);
const char *head_dhcp_name(enum head_dhcp dhcp);

/* The options that serve, check and install share, one a line, for their help. */
extern const char site_usage[];

/* Reads the words of the command line. 0, or -EINVAL after a word on stderr. */
int site_parse(int argc, char **argv, struct site *site) must_check;

/* Where this program's own files are: beside it in the tree, or where it was installed. 0 or -ENOMEM. */
int site_find_files(struct site *site) must_check;

/* Asks the kernel for the interface's number, card and address, and chooses the range where it is silent. 0; -ENODEV:
 * there is no such interface; -EADDRNOTAVAIL: it has no IPv4 address; -ERANGE: the range is not of its network. */
int site_look(struct site *site) must_check;

/* True when all servers run as the user of this process: a plain one, or a user namespace that has no other. */
bool site_one_user(void);

/* "STATE/NAME"; owned by the caller, NULL when memory ran out. */
char *site_path(const struct site *site, const char *name) must_check;

void site_free(struct site *site);

/* The address as http has it: "10.0.1.20", "10.0.1.20:8080". Adds it to OUT. */
void site_add_server(const struct site *site, struct buf *out);

#endif
