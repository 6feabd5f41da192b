/* page.c - the files of page/ -> bytes within the program. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/page.h"

/* The assembler takes the file in as it lies; the Makefile knows that this object is made of them. */
#define TAKE(name, file)                                                                                               \
	extern const char name##_begin[], name##_end[];                                                                \
	__asm__(".section .rodata\n" #name "_begin:\n.incbin \"server/head/status/page/" file "\"\n" #name "_end:\n"   \
		".previous\n")

TAKE(page_html, "index.html");
TAKE(page_css, "page.css");
TAKE(page_js, "page.js");
TAKE(page_draw, "draw.js");
TAKE(page_icon, "icon.svg");

static const struct page_file files[] = {
	{ "/", "text/html; charset=utf-8", page_html_begin, page_html_end },
	{ "/page.css", "text/css; charset=utf-8", page_css_begin, page_css_end },
	{ "/page.js", "text/javascript; charset=utf-8", page_js_begin, page_js_end },
	{ "/draw.js", "text/javascript; charset=utf-8", page_draw_begin, page_draw_end },
	{ "/icon.svg", "image/svg+xml", page_icon_begin, page_icon_end },
};

const struct page_file *page_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (streq(files[i].path, path))
			return &files[i];
	}
	return NULL;
}
