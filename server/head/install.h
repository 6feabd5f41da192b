/* install.h - the words of `head-node serve` -> systemd's units for the same. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_INSTALL_H
#define SERVER_HEAD_INSTALL_H

#include "server/head/site.h"

/* One word for a line ExecStart= (systemd.service(5), "COMMAND LINES"): quoted where that is needed. Adds it to OUT. */
void install_word(const char *word, struct buf *out);

/* head-node.service: PROGRAM with the ARGC words ARGV, and the least rights that they need. */
void install_serve_unit(const struct site *site, const char *program, int argc, char *const *argv, struct buf *out);

/* head-node-image.service: the first build of the image, which takes root. */
void install_image_unit(const struct site *site, struct buf *out);

#endif
