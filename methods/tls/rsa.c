/* rsa.c - a key of RSA of up to 8192 bits and a signature -> the number it was made of, and is it right (RFC 8017). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/rsa.h"

#define WORDS (RSA_MAX / 4)

/* A number below the modulus: words of 32 bits, the lowest first; as many as the modulus has. */
struct modulus {
	uint32_t n[WORDS];
	size_t words;
	uint32_t inverse; /* -1/n modulo 2^32 */
};

static void load(uint32_t *to, size_t words, const uint8_t *bytes, size_t len)
{
	memset(to, 0, words * sizeof(*to));
	for (size_t i = 0; i < len; i++)
		to[i / 4] |= (uint32_t)bytes[len - 1 - i] << i % 4 * 8;
}

static void store(uint8_t *bytes, size_t len, const uint32_t *from)
{
	for (size_t i = 0; i < len; i++)
		bytes[len - 1 - i] = (uint8_t)(from[i / 4] >> i % 4 * 8);
}

static bool is_less(const uint32_t *a, const uint32_t *b, size_t words)
{
	while (words--)
		if (a[words] != b[words])
			return a[words] < b[words];
	return false;
}

static void subtract(uint32_t *a, const uint32_t *b, size_t words)
{
	uint64_t borrow = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t d = (uint64_t)a[i] - b[i] - borrow;

		a[i] = (uint32_t)d;
		borrow = d >> 63;
	}
}

/* A = 2A modulo N. */
static void twice(uint32_t *a, const struct modulus *m)
{
	uint32_t carry = 0;

	for (size_t i = 0; i < m->words; i++) {
		uint32_t next = a[i] >> 31;

		a[i] = a[i] << 1 | carry;
		carry = next;
	}
	if (carry || !is_less(a, m->n, m->words))
		subtract(a, m->n, m->words);
}

/* T = (T + X * Y) as words, one more than the modulus has; what is above them. */
static uint32_t add_product(uint32_t *t, const uint32_t *x, uint32_t y, size_t words)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < words; i++) {
		carry += (uint64_t)x[i] * y + t[i];
		t[i] = (uint32_t)carry;
		carry >>= 32;
	}
	carry += t[words];
	t[words] = (uint32_t)carry;
	return (uint32_t)(carry >> 32);
}

/* A = A * B / R modulo N, R being 2 to the power of the modulus's words: Montgomery's product. */
static void multiply(uint32_t *a, const uint32_t *b, const struct modulus *m)
{
	uint32_t t[WORDS + 2] = { 0 };

	for (size_t i = 0; i < m->words; i++) {
		t[m->words + 1] = add_product(t, b, a[i], m->words);
		t[m->words + 1] += add_product(t, m->n, t[0] * m->inverse, m->words);
		memmove(t, t + 1, (m->words + 1) * sizeof(*t));
	}
	if (t[m->words] || !is_less(t, m->n, m->words))
		subtract(t, m->n, m->words);
	memcpy(a, t, m->words * sizeof(*a));
}

static bool load_modulus(struct modulus *m, const uint8_t *n, size_t len)
{
	if (len < RSA_MIN || len > RSA_MAX || !(n[len - 1] & 1))
		return false;
	m->words = (len + 3) / 4;
	load(m->n, m->words, n, len);
	m->inverse = 1;
	for (int i = 0; i < 5; i++) /* each step doubles the bits that are right */
		m->inverse *= 2 - m->n[0] * m->inverse;
	m->inverse = -m->inverse;
	return true;
}

/* X = X to the power of the exponent modulo N. */
static void power(uint32_t *x, const uint8_t *exponent, size_t len, const struct modulus *m)
{
	uint32_t one[WORDS] = { 1 }, base[WORDS];

	/* 1 and X times R */
	for (size_t i = 0; i < m->words * 32; i++)
		twice(one, m);
	memcpy(base, one, sizeof(base));
	for (size_t i = 0; i < m->words * 32; i++)
		twice(base, m);
	multiply(base, x, m);
	memcpy(x, one, m->words * sizeof(*x));
	for (size_t i = 0; i < len * 8; i++) {
		multiply(x, x, m);
		if (exponent[i / 8] & 0x80 >> i % 8)
			multiply(x, base, m);
	}
	/* and back */
	memset(one, 0, sizeof(one));
	one[0] = 1;
	multiply(x, one, m);
}

static void strip(const uint8_t **number, size_t *len)
{
	while (*len && !**number) {
		++*number;
		--*len;
	}
}

bool rsa_public(uint8_t *out, const uint8_t *sig, size_t len, const br_rsa_public_key *key)
{
	const uint8_t *n = key->n, *e = key->e;
	size_t n_len = key->nlen, e_len = key->elen;
	uint32_t x[WORDS];
	struct modulus m;

	strip(&n, &n_len);
	strip(&e, &e_len);
	if (len != n_len || !load_modulus(&m, n, n_len) || !e_len || e_len > RSA_EXPONENT_MAX || !(e[e_len - 1] & 1))
		return false;
	load(x, m.words, sig, len);
	if (!is_less(x, m.n, m.words))
		return false;
	power(x, e, e_len, &m);
	store(out, len, x);
	return true;
}

/* What a signature over a hash of HASH_LEN bytes has before it (RFC 8017, section 9.2): 0, 1, bytes 255, 0,
 * DigestInfo. */
static bool pkcs1_frame(uint8_t *em, size_t len, const unsigned char *oid, size_t hash_len)
{
	size_t info = 10u + oid[0] + hash_len; /* its bytes, oid[0] being the length of the OID behind it */
	uint8_t *p;

	if (len < 11 + info)
		return false;
	memset(em, 0xff, len - info);
	em[0] = 0;
	em[1] = 1;
	p = em + len - info;
	p[-1] = 0;
	p[0] = 0x30;
	p[1] = (uint8_t)(info - 2);
	p[2] = 0x30;
	p[3] = (uint8_t)(oid[0] + 4);
	p[4] = 0x06;
	memcpy(p + 5, oid, oid[0] + 1u);
	p += 6 + oid[0];
	p[0] = 0x05;
	p[1] = 0;
	p[2] = 0x04;
	p[3] = (uint8_t)hash_len;
	return true;
}

uint32_t rsa_pkcs1_verify(const unsigned char *sig, size_t len, const unsigned char *hash_oid, size_t hash_len,
			  const br_rsa_public_key *key, unsigned char *hash_out)
{
	uint8_t got[RSA_MAX], frame[RSA_MAX];

	if (!hash_oid || len > sizeof(got) || !rsa_public(got, sig, len, key) ||
	    !pkcs1_frame(frame, len, hash_oid, hash_len) || memcmp(got, frame, len - hash_len) != 0)
		return 0;
	memcpy(hash_out, got + len - hash_len, hash_len);
	return 1;
}

static size_t hash_size(const br_hash_class *class)
{
	return class->desc >> BR_HASHDESC_OUT_OFF & BR_HASHDESC_OUT_MASK;
}

/* BYTES ^= MGF1 of SEED (RFC 8017, appendix B.2.1). */
static void unmask(uint8_t *bytes, size_t len, const uint8_t *seed, size_t seed_len, const br_hash_class *class)
{
	uint8_t sum[64];

	for (size_t i = 0; i < len; i++) {
		size_t at = i % hash_size(class);

		if (at == 0) {
			uint32_t n = (uint32_t)(i / hash_size(class));
			uint8_t counter[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
			br_hash_compat_context h;

			class->init(&h.vtable);
			class->update(&h.vtable, seed, seed_len);
			class->update(&h.vtable, counter, sizeof(counter));
			class->out(&h.vtable, sum);
		}
		bytes[i] ^= sum[at];
	}
}

/* RFC 8017, section 9.1.2: EM of LEN bytes, of which the first BITS bits of the first byte are to be zero. */
static bool pss_frame(uint8_t *em, size_t len, unsigned bits, const br_hash_class *class, const br_hash_class *mask,
		      size_t salt, const uint8_t *hash)
{
	static const uint8_t zeroes[8];
	size_t h = hash_size(class), db = len - h - 1, zero;
	br_hash_compat_context sum;
	uint8_t got[64];

	if (len < h + 2 || db < salt + 1 || em[len - 1] != 0xbc || (bits && em[0] >> (8 - bits)))
		return false;
	unmask(em, db, em + db, h, mask);
	em[0] &= (uint8_t)(0xff >> bits);
	for (zero = 0; zero < db - salt - 1; zero++)
		if (em[zero])
			return false;
	if (em[zero] != 1)
		return false;
	class->init(&sum.vtable);
	class->update(&sum.vtable, zeroes, sizeof(zeroes));
	class->update(&sum.vtable, hash, h);
	class->update(&sum.vtable, em + db - salt, salt);
	class->out(&sum.vtable, got);
	return memcmp(got, em + db, h) == 0;
}

bool rsa_pss_verify(const uint8_t *sig, size_t len, const br_hash_class *class, const br_hash_class *mask, size_t salt,
		    const br_rsa_public_key *key, const uint8_t *hash)
{
	uint8_t em[RSA_MAX];
	const uint8_t *n = key->n;
	size_t n_len = key->nlen;
	unsigned bits = 1; /* EM has one bit less than the modulus */

	strip(&n, &n_len);
	if (len > sizeof(em) || salt > sizeof(em) || !rsa_public(em, sig, len, key))
		return false;
	while (!(n[0] & 0x80 >> (bits - 1)))
		bits++;
	if (bits == 8) /* its first byte is none of EM's */
		return em[0] == 0 && pss_frame(em + 1, len - 1, 0, class, mask, salt, hash);
	return pss_frame(em, len, bits, class, mask, salt, hash);
}
