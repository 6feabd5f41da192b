/* get.h - a place and a path -> one try to bring the file by HTTP/1.1 GET. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_HTTP_GET_H
#define METHODS_HTTP_GET_H

#include "methods/retrieve/retrieve.h"

/* As get of struct protocol, for URLs of SCHEME: "http", or another one where AT is a proxy that speaks it for us. */
int http_get(struct transfer *t, const struct place *at, const char *scheme, const char *path,
	     struct failure *f) must_check;

#endif
