/* retrieve.h - options and one protocol's "get" -> the whole image in the sink: mirrors, addresses, paths, retries. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_RETRIEVE_H
#define METHODS_RETRIEVE_RETRIEVE_H

#include "methods/retrieve/transfer.h"

/* Defaults of timeout: (seconds) and retries:. */
#define RETRIEVE_TIMEOUT_S 30
#define RETRIEVE_RETRIES   5

/* One address where the file may be had. */
struct place {
	const char *host;                   /* as in server:, a name or an address */
	uint16_t port;                      /* of the service on HOST */
	const struct peer_address *address; /* what to connect to: HOST's, or the proxy's */
	bool proxied;                       /* ADDRESS is the proxy's */
	int64_t connect_ms;                 /* how long a connection may take; short while there are other places */
};

/* What a protocol brings along. */
struct protocol {
	const char *scheme; /* names it in words and gives the usual port */
	bool proxies;       /* proxy_host: is used when it is given */
	/* One try to bring the file at PATH (as method_paths gives it) from AT into T, from transfer_offset(T, AT) on,
	 * or to fill T->fetch->found: 0 when it is whole, else -errno with F filled. Which failure it is decides what
	 * comes next: FAIL_SRV_NOT_FOUND, _DENIED, _REDIRECT: the next path (_DENIED with -EACCES and FAIL_TLS_*: the
	 * login or the server is wrong, and this place is out); other FAIL_SRV_* and FAIL_DNS_*: the next place, and
	 * this one again later; anything else ends the retrieval. */
	int (*get)(struct transfer *t, const struct place *at, const char *path, struct failure *f);
};

/* Brings the image that F->options name into F->sink. 0 when every byte is there and the sink's finish was happy, else
 * -errno with F->fail filled. */
int retrieve(struct fetch *f, const struct protocol *p) must_check;

#endif
