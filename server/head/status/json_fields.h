/* json_fields.h - the plain fields of a node <-> members of a JSON object, by one table. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_JSON_FIELDS_H
#define SERVER_HEAD_STATUS_JSON_FIELDS_H

#include "server/head/status/model.h"

#include <jansson.h>

/* Puts the fields of N into OBJECT: those that are for everybody, or all that are to be saved. */
void fields_put(json_t *object, const struct node *n, bool for_everybody);
/* Sets those fields of N that OBJECT has; what has another type is left out. */
void fields_get(const json_t *object, struct node *n);

/* The last MOST lines of the log, oldest first: an array of [ms, severity, text]. */
json_t *fields_log(const struct node *n, unsigned most);
void fields_get_log(const json_t *array, struct node *n);

#endif
