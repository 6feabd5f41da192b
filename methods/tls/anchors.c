/* anchors.c - a bundle of certificates in PEM -> the authorities that are trusted. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/anchors.h"

#include "base/buf.h"
#include "methods/tls/signature.h"

static void append(void *to, const void *bytes, size_t len)
{
	buf_add(to, bytes, len);
}

static int add(struct anchors *a, struct buf *der)
{
	struct anchor *more = realloc(a->list, (a->count + 1) * sizeof(*more)), *t;
	size_t len = der->len;

	if (!more)
		return -ENOMEM;
	a->list = more;
	t = &a->list[a->count];
	t->bytes = (uint8_t *)buf_take(der);
	if (!t->bytes)
		return -ENOMEM;
	if (certificate_parse(&t->certificate, t->bytes, len) || key_parse(&t->key, t->certificate.key)) {
		free(t->bytes);
		a->unread++;
		return 0;
	}
	t->authority = t->certificate.authority || !t->certificate.extended;
	a->count++;
	return 0;
}

/* Behind the first element there may be others, of OpenSSL's "trusted" kind. */
static bool is_certificate(const char *name)
{
	return streq(name, "CERTIFICATE") || streq(name, "X509 CERTIFICATE") || streq(name, "TRUSTED CERTIFICATE");
}

int anchors_parse(struct anchors *a, const char *pem, size_t len)
{
	cleanup_buf struct buf der = { 0 };
	br_pem_decoder_context decoder;
	int err = 0;

	*a = (struct anchors){ 0 };
	br_pem_decoder_init(&decoder);
	while (len && !err) {
		size_t n = br_pem_decoder_push(&decoder, pem, len);

		pem += n;
		len -= n;
		switch (br_pem_decoder_event(&decoder)) {
		case BR_PEM_BEGIN_OBJ:
			der.len = 0;
			br_pem_decoder_setdest(&decoder, append, &der);
			break;
		case BR_PEM_END_OBJ:
			if (der.failed)
				err = -ENOMEM;
			else if (der.len && is_certificate(br_pem_decoder_name(&decoder)))
				err = add(a, &der);
			break;
		}
	}
	return err;
}

void anchors_free(struct anchors *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->list[i].bytes);
	free(a->list);
	*a = (struct anchors){ 0 };
}
