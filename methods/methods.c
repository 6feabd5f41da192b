/* methods.c - the one table of methods, in the order of the menu; help and documentation are made from it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h"

extern const struct method method_http;

const struct method *const methods[] = {
	&method_http,
	NULL,
};

const struct method *method_find(const char *name)
{
	for (size_t i = 0; methods[i]; i++)
		if (streq(methods[i]->name, name))
			return methods[i];
	return NULL;
}

int method_check(const struct method *m, const struct options *o, struct failure *f)
{
	for (const enum option_key *key = m->required; *key != KEY_COUNT; key++)
		if (!o->value[*key])
			return fail(f, FAIL_CMD_MISSING, -EINVAL, "%s: (%s, for example %s)", key_table[*key].name,
				    key_table[*key].meaning, key_table[*key].example);
	return 0;
}
