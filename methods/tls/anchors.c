/* anchors.c - a bundle of certificates in PEM -> the authorities that are trusted. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/anchors.h"

#include "base/buf.h"

static void append(void *to, const void *bytes, size_t len)
{
	buf_add(to, bytes, len);
}

/* A copy of LEN bytes at *FIELD, in *FIELD. */
static int own(unsigned char **field, size_t len)
{
	unsigned char *copy = malloc(MAX(len, (size_t)1));

	if (copy)
		memcpy(copy, *field, len);
	*field = copy;
	return copy ? 0 : -ENOMEM;
}

static int own_key(br_x509_pkey *key)
{
	int err;

	if (key->key_type == BR_KEYTYPE_EC)
		return own(&key->key.ec.q, key->key.ec.qlen);
	err = own(&key->key.rsa.n, key->key.rsa.nlen);
	return own(&key->key.rsa.e, key->key.rsa.elen) ? -ENOMEM : err;
}

static void free_anchor(br_x509_trust_anchor *t)
{
	free(t->dn.data);
	if (t->pkey.key_type == BR_KEYTYPE_EC) {
		free(t->pkey.key.ec.q);
	} else {
		free(t->pkey.key.rsa.n);
		free(t->pkey.key.rsa.e);
	}
}

static int add(struct anchors *a, const struct buf *der)
{
	br_x509_trust_anchor *more = realloc(a->list, (a->count + 1) * sizeof(*more)), *t;
	cleanup_buf struct buf name = { 0 };
	br_x509_decoder_context decoder;
	const br_x509_pkey *key;

	if (!more)
		return -ENOMEM;
	a->list = more;
	br_x509_decoder_init(&decoder, append, &name);
	br_x509_decoder_push(&decoder, der->data, der->len);
	key = br_x509_decoder_get_pkey(&decoder);
	if (!key) {
		a->unread++;
		return 0;
	}
	t = &a->list[a->count];
	*t = (br_x509_trust_anchor){ .flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0, .pkey = *key };
	t->dn.len = name.len;
	t->dn.data = (unsigned char *)buf_take(&name);
	a->count++;
	return own_key(&t->pkey) || !t->dn.data ? -ENOMEM : 0;
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
			else if (der.len && strstr(br_pem_decoder_name(&decoder), "CERTIFICATE"))
				err = add(a, &der);
			break;
		}
	}
	return err;
}

void anchors_free(struct anchors *a)
{
	for (size_t i = 0; i < a->count; i++)
		free_anchor(&a->list[i]);
	free(a->list);
	*a = (struct anchors){ 0 };
}
