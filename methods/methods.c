/* methods.c - the one table of methods, in the order of the menu; help and documentation are made from it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/method.h"

extern const struct method method_nfs, method_ftp, method_http, method_https, method_tftp;
extern const struct method method_dolly, method_ka, method_cdrom, method_disk;

const struct method *const methods[] = {
	&method_nfs,   &method_ftp, &method_http,  &method_https, &method_tftp,
	&method_dolly, &method_ka,  &method_cdrom, &method_disk,  NULL,
};

const struct method *method_find(const char *name)
{
	for (size_t i = 0; methods[i]; i++)
		if (streq(methods[i]->name, name))
			return methods[i];
	return NULL;
}

void origin_free(struct origin *o)
{
	free(o->host);
	free(o->path);
	free(o->device);
	free(o->words);
	*o = (struct origin){ 0 };
}
