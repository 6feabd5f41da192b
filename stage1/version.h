/* version.h - the one place that says which version this is. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_VERSION_H
#define STAGE1_VERSION_H

#define STAGE1_VERSION "0.1"

#endif
