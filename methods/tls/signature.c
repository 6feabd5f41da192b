/* signature.c - a public key, a certificate -> has the key's owner signed it (RFC 4055, RFC 5480, RFC 5758). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/signature.h"

#include "methods/tls/rsa.h"

#define OID(text)   (text), sizeof(text) - 1
#define ID_PKCS1(n) "\x2a\x86\x48\x86\xf7\x0d\x01\x01" n /* 1.2.840.113549.1.1.n */
#define ID_X962(n)  "\x2a\x86\x48\xce\x3d" n             /* 1.2.840.10045.n */
#define ID_HASH(n)  "\x60\x86\x48\x01\x65\x03\x04\x02" n /* 2.16.840.1.101.3.4.2.n */

/* ---- hashes */

static const struct hash {
	const char *oid;
	size_t len;
	const br_hash_class *class;
} hashes[] = {
	{ OID(ID_HASH("\x01")), &br_sha256_vtable },
	{ OID(ID_HASH("\x02")), &br_sha384_vtable },
	{ OID(ID_HASH("\x03")), &br_sha512_vtable },
};

static const struct hash *find_hash(struct der oid)
{
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		if (der_is(oid, hashes[i].oid, hashes[i].len))
			return &hashes[i];
	return NULL;
}

static size_t sum_of(const br_hash_class *class, struct der bytes, uint8_t sum[static 64])
{
	br_hash_compat_context h;

	class->init(&h.vtable);
	class->update(&h.vtable, bytes.p, bytes.len);
	class->out(&h.vtable, sum);
	return class->desc >> BR_HASHDESC_OUT_OFF & BR_HASHDESC_OUT_MASK;
}

/* ---- keys */

static const char *parse_rsa(br_rsa_public_key *key, struct der bits)
{
	struct der in, n, e;

	if (!der_expect(&bits, DER_SEQUENCE, &in) || !der_expect(&in, DER_INTEGER, &n) ||
	    !der_expect(&in, DER_INTEGER, &e))
		return "cannot be read";
	while (n.len && !n.p[0]) {
		n.p++;
		n.len--;
	}
	while (e.len && !e.p[0]) {
		e.p++;
		e.len--;
	}
	*key = (br_rsa_public_key){ (uint8_t *)(uintptr_t)n.p, n.len, (uint8_t *)(uintptr_t)e.p, e.len };
	if (n.len < RSA_MIN)
		return "is RSA with less than 1024 bits, which can be broken";
	if (n.len > RSA_MAX)
		return "is RSA with more than 8192 bits";
	return e.len < 1 || e.len > RSA_EXPONENT_MAX ? "is RSA with an exponent of more than 64 bits" : NULL;
}

static const char *parse_ec(br_ec_public_key *key, struct der parameters, struct der bits)
{
	static const struct {
		const char *oid;
		size_t len;
		int curve;
	} rows[] = {
		{ OID(ID_X962("\x03\x01\x07")), BR_EC_secp256r1 },
		{ OID("\x2b\x81\x04\x00\x22"), BR_EC_secp384r1 },
		{ OID("\x2b\x81\x04\x00\x23"), BR_EC_secp521r1 },
	};
	struct der oid;

	if (!der_expect(&parameters, DER_OID, &oid))
		return "is on a curve without a name";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (der_is(oid, rows[i].oid, rows[i].len)) {
			*key = (br_ec_public_key){ rows[i].curve, (uint8_t *)(uintptr_t)bits.p, bits.len };
			return NULL;
		}
	return "is on another curve than P-256, P-384 and P-521";
}

const char *key_parse(br_x509_pkey *key, struct der info)
{
	struct der in, algorithm, oid, bits;

	*key = (br_x509_pkey){ 0 };
	if (!der_expect(&info, DER_SEQUENCE, &in) || !der_expect(&in, DER_SEQUENCE, &algorithm) ||
	    !der_expect(&algorithm, DER_OID, &oid) || !der_expect(&in, DER_BITS, &bits) || bits.len < 2 || bits.p[0])
		return "cannot be read";
	bits.p++;
	bits.len--;
	if (der_is(oid, OID(ID_PKCS1("\x01"))) || der_is(oid, OID(ID_PKCS1("\x0a")))) {
		key->key_type = BR_KEYTYPE_RSA;
		return parse_rsa(&key->key.rsa, bits);
	}
	if (der_is(oid, OID(ID_X962("\x02\x01")))) {
		key->key_type = BR_KEYTYPE_EC;
		return parse_ec(&key->key.ec, algorithm, bits);
	}
	if (der_is(oid, OID("\x2b\x65\x70")) || der_is(oid, OID("\x2b\x65\x71")))
		return "is Ed25519 or Ed448, which is not spoken here: RSA and ECDSA are";
	return "is neither RSA nor ECDSA";
}

/* ---- signatures */

enum kind { PKCS1, PSS, ECDSA, NONE };

static const struct algorithm {
	const char *oid;
	size_t len;
	enum kind kind;
	const br_hash_class *class;
	const char *unknown;
} algorithms[] = {
	{ OID(ID_PKCS1("\x0b")), PKCS1, &br_sha256_vtable, NULL },
	{ OID(ID_PKCS1("\x0c")), PKCS1, &br_sha384_vtable, NULL },
	{ OID(ID_PKCS1("\x0d")), PKCS1, &br_sha512_vtable, NULL },
	{ OID(ID_PKCS1("\x0a")), PSS, NULL, NULL },
	{ OID(ID_X962("\x04\x03\x02")), ECDSA, &br_sha256_vtable, NULL },
	{ OID(ID_X962("\x04\x03\x03")), ECDSA, &br_sha384_vtable, NULL },
	{ OID(ID_X962("\x04\x03\x04")), ECDSA, &br_sha512_vtable, NULL },
	{ OID(ID_PKCS1("\x02")), NONE, NULL, "with MD2, which can be forged" },
	{ OID(ID_PKCS1("\x04")), NONE, NULL, "with MD5, which can be forged" },
	{ OID(ID_PKCS1("\x05")), NONE, NULL, "with SHA-1, which can be forged" },
	{ OID(ID_X962("\x04\x01")), NONE, NULL, "with SHA-1, which can be forged" },
	{ OID("\x2b\x65\x70"), NONE, NULL, "with Ed25519, which is not read here: RSA and ECDSA are" },
	{ OID("\x2b\x65\x71"), NONE, NULL, "with Ed448, which is not read here: RSA and ECDSA are" },
};

/* The algorithm of C, its parameters in IN; NULL: none of these. */
static const struct algorithm *find_algorithm(const struct certificate *c, struct der *in)
{
	struct der oid;

	*in = c->algorithm;
	if (!der_expect(in, DER_OID, &oid))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (der_is(oid, algorithms[i].oid, algorithms[i].len))
			return &algorithms[i];
	return NULL;
}

/* [n] AlgorithmIdentifier, which has to be there: what is not said means SHA-1 (RFC 4055, section 3.1). */
static bool take_algorithm(struct der *list, uint8_t tag, struct der *oid, struct der *parameters)
{
	struct der in;

	return der_take(list, tag, &in) && der_expect(&in, DER_SEQUENCE, parameters) &&
	       der_expect(parameters, DER_OID, oid);
}

struct pss {
	const struct hash *hash, *mask;
	int32_t salt;
};

static bool read_pss(struct der in, struct pss *p)
{
	struct der list, oid, parameters, number, trailer;

	p->salt = 20;
	if (!der_expect(&in, DER_SEQUENCE, &list) || !take_algorithm(&list, DER_CONTEXT(0), &oid, &parameters))
		return false;
	p->hash = find_hash(oid);
	if (!take_algorithm(&list, DER_CONTEXT(1), &oid, &parameters) || !der_is(oid, OID(ID_PKCS1("\x08"))) ||
	    !der_expect(&parameters, DER_SEQUENCE, &in) || !der_expect(&in, DER_OID, &oid))
		return false;
	p->mask = find_hash(oid);
	if (der_take(&list, DER_CONTEXT(2), &in) &&
	    (!der_expect(&in, DER_INTEGER, &number) || !der_number(number, &p->salt)))
		return false;
	if (der_take(&list, DER_CONTEXT(3), &trailer) && !der_is(trailer, OID("\x02\x01\x01")))
		return false;
	return p->hash && p->mask && !list.len;
}

const char *signature_unknown(const struct certificate *c)
{
	struct der in;
	const struct algorithm *a = find_algorithm(c, &in);
	struct pss pss;

	if (!a)
		return "in a way that is not read here: RSA and ECDSA with SHA-256, SHA-384 and SHA-512 are";
	if (a->kind == PSS && !read_pss(in, &pss))
		return "with RSA-PSS by another hash than SHA-256, SHA-384 and SHA-512";
	return a->unknown;
}

static bool verify_pkcs1(const struct certificate *c, const br_rsa_public_key *key, const br_hash_class *class)
{
	uint8_t sum[64], got[64], oid[16];
	size_t len = sum_of(class, c->body, sum), i = 0;

	while (hashes[i].class != class)
		i++;
	oid[0] = (uint8_t)hashes[i].len;
	memcpy(oid + 1, hashes[i].oid, hashes[i].len);
	return rsa_pkcs1_verify(c->signature.p, c->signature.len, oid, len, key, got) && memcmp(sum, got, len) == 0;
}

static bool verify_pss(const struct certificate *c, const br_rsa_public_key *key, struct der in)
{
	uint8_t sum[64];
	struct pss pss;

	if (!read_pss(in, &pss))
		return false;
	sum_of(pss.hash->class, c->body, sum);
	return rsa_pss_verify(c->signature.p, c->signature.len, pss.hash->class, pss.mask->class, (size_t)pss.salt, key,
			      sum);
}

bool signature_is_by(const struct certificate *c, const br_x509_pkey *key)
{
	struct der in;
	const struct algorithm *a = find_algorithm(c, &in);
	uint8_t sum[64];
	size_t len;

	if (!a || a->kind == NONE || (a->kind == ECDSA) != (key->key_type == BR_KEYTYPE_EC))
		return false;
	if (a->kind == PKCS1)
		return verify_pkcs1(c, &key->key.rsa, a->class);
	if (a->kind == PSS)
		return verify_pss(c, &key->key.rsa, in);
	len = sum_of(a->class, c->body, sum);
	return br_ecdsa_i31_vrfy_asn1(&br_ec_all_m31, sum, len, &key->key.ec, c->signature.p, c->signature.len);
}
