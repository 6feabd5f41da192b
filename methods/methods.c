/* methods.c - the one table of methods, in the order of the menu; help and documentation are made from it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h"

extern const struct method method_nfs, method_ftp, method_http, method_https, method_tftp;
extern const struct method method_dolly, method_ka, method_cdrom, method_disk;

const struct method *const methods[] = {
	&method_nfs,
	&method_ftp,
	&method_http,
	&method_https,
	&method_tftp,
	&method_dolly,
	&method_ka,
	&method_cdrom,
	&method_disk,
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
	cleanup_buf struct buf missing = { 0 };

	for (const enum option_key *key = m->required; key && *key != KEY_COUNT; key++)
		if (!o->value[*key])
			buf_printf(&missing, "%s%s: (for example %s)", missing.len ? ", " : "", key_table[*key].name,
				   key_table[*key].example);
	if (o->value[KEY_VERIFY]) /* to boot what nobody verified is not what was asked for */
		return fail(f, FAIL_CMD_BAD_VALUE, -EOPNOTSUPP,
			    "verify: signed manifests are not checked by this version; sha256: checks an image");
	if (!missing.len)
		return 0;
	return fail(f, FAIL_CMD_MISSING, -EINVAL, "method:%s needs %s", m->name, buf_cstr(&missing));
}

void origin_free(struct origin *o)
{
	free(o->host);
	free(o->path);
	free(o->device);
	free(o->words);
	*o = (struct origin){ 0 };
}
