/* page.h - the files of the page, as they lie in page/, within the program. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_PAGE_H
#define SERVER_HEAD_STATUS_PAGE_H

#include "base/base.h"

/* One file. */
struct page_file {
	const char *path; /* of its URL */
	const char *type;
	const char *begin, *end;
};

/* The file of the URL's PATH, NULL: none. */
const struct page_file *page_find(const char *path);

#endif
