/* sha256_x86.c - blocks -> SHA-256 state, with the SHA instructions of x86 processors where they are there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/sha256.h"

#if defined(__x86_64__)

#include "image/sha256_table.h"

/* <immintrin.h> would bring in a malloc of its own; gcc's vectors and builtins say the same. */
typedef int v4si __attribute__((vector_size(16)));
typedef unsigned v4su __attribute__((vector_size(16)));
typedef unsigned v4su_unaligned __attribute__((vector_size(16), aligned(1)));
typedef char v16qi __attribute__((vector_size(16)));

/* Intel Architectures Software Developer's Manual, CPUID leaf 7 (EBX bit 29: SHA) and leaf 1 (ECX bit 9: SSSE3, bit 19:
 * SSE4.1). */
static bool processor_has_sha(void)
{
	uint32_t a = 0, b, c, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	if (a < 7)
		return false;
	a = 1;
	__asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	if ((c & (1u << 9 | 1u << 19)) != (1u << 9 | 1u << 19))
		return false;
	a = 7;
	c = 0;
	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1u << 29;
}

/* Four rounds with the schedule words W: two by the low half, two by the high half. */
__attribute__((target("sha,sse4.1"), always_inline)) static inline void four_rounds(v4su *abef, v4su *cdgh, v4su w,
										    unsigned t)
{
	v4su k = w + *(const v4su_unaligned *)(const void *)(sha256_table + t);

	*cdgh = (v4su)__builtin_ia32_sha256rnds2((v4si)*cdgh, (v4si)*abef, (v4si)k);
	k = __builtin_shufflevector(k, k, 2, 3, 2, 3);
	*abef = (v4su)__builtin_ia32_sha256rnds2((v4si)*abef, (v4si)*cdgh, (v4si)k);
}

/* The manual's SHA chapter: the state travels as ABEF and CDGH, highest word first. */
FAST __attribute__((target("sha,sse4.1"))) static void mix(uint32_t state[static 8], const uint8_t *blocks,
							   size_t count)
{
	v4su abef = { state[5], state[4], state[1], state[0] };
	v4su cdgh = { state[7], state[6], state[3], state[2] };

	for (; count; count--, blocks += 64) {
		v4su abef0 = abef, cdgh0 = cdgh, w[4];

		for (unsigned i = 0; i < 4; i++) {
			v16qi raw = (v16qi) * (const v4su_unaligned *)(const void *)(blocks + 16 * i);

			w[i] = (v4su)__builtin_shufflevector(raw, raw, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13,
							     12);
			four_rounds(&abef, &cdgh, w[i], 4 * i);
		}
		for (unsigned t = 16; t < 64; t += 16) {
			for (unsigned i = 0; i < 4; i++) {
				v4su w1 = w[(i + 1) & 3], w2 = w[(i + 2) & 3], w3 = w[(i + 3) & 3];
				v4su w7 = __builtin_shufflevector(w2, w3, 1, 2, 3, 4); /* words t-7 .. t-4 */
				v4su sum = (v4su)__builtin_ia32_sha256msg1((v4si)w[i], (v4si)w1) + w7;

				w[i] = (v4su)__builtin_ia32_sha256msg2((v4si)sum, (v4si)w3);
				four_rounds(&abef, &cdgh, w[i], t + 4 * i);
			}
		}
		abef += abef0;
		cdgh += cdgh0;
	}
	for (unsigned i = 0; i < 2; i++) {
		state[i] = abef[3 - i];
		state[4 + i] = abef[1 - i];
		state[2 + i] = cdgh[3 - i];
		state[6 + i] = cdgh[1 - i];
	}
}

sha256_mix_fn *sha256_mix_fast(void)
{
	return processor_has_sha() ? mix : NULL;
}

#else

sha256_mix_fn *sha256_mix_fast(void)
{
	return NULL;
}

#endif
