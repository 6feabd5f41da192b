/* hash_lanes.h - LANES leaves of 1 KiB -> LANES chaining values, all at once; included once per vector width. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before including, define LANES (4, 8, 16), LANE_NAME (the function) and LANE_TARGET (its target attribute). One
 * vector holds one 32-bit word of every leaf, so the compression function is written as for a single leaf. */

#define LANE_JOIN2(a, b) a##b
#define LANE_JOIN(a, b)  LANE_JOIN2(a, b)
#define lane_vec         LANE_JOIN(lane_vec_, LANES)
#define lane_load        LANE_JOIN(lane_load_, LANES)

typedef uint32_t lane_vec __attribute__((vector_size(LANES * 4)));

/* The sixteen words of the blocks at P, P + 1024, P + 2048 ...: LANES rows of 16 words -> 16 columns. Rows are read four
 * words at a time and turned in 4 x 4 squares: one square per four lanes and four words. */
static inline LANE_TARGET void lane_load(const uint8_t *p, lane_vec m[16])
{
	union {
		square_row quarter[LANES / 4];
		lane_vec all;
	} column[16];

	for (int lane = 0; lane < LANES; lane += 4) {
		for (int word = 0; word < 16; word += 4) {
			square_row r[4], t[4];

			for (int i = 0; i < 4; i++)
				memcpy(&r[i], p + (size_t)(lane + i) * LEAF_SIZE + word * 4, 16);
			t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
			t[1] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
			t[2] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
			t[3] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
			column[word].quarter[lane / 4] = __builtin_shufflevector(t[0], t[1], 0, 1, 4, 5);
			column[word + 1].quarter[lane / 4] = __builtin_shufflevector(t[0], t[1], 2, 3, 6, 7);
			column[word + 2].quarter[lane / 4] = __builtin_shufflevector(t[2], t[3], 0, 1, 4, 5);
			column[word + 3].quarter[lane / 4] = __builtin_shufflevector(t[2], t[3], 2, 3, 6, 7);
		}
	}
	for (int word = 0; word < 16; word++) {
		m[word] = column[word].all;
		if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
			for (int i = 0; i < LANES; i++)
				m[word][i] = little32(m[word][i]);
	}
}

/* LANES whole leaves at INPUT, the first of them leaf number COUNTER of its message -> OUT[LANES]. */
static LANE_TARGET void LANE_NAME(const uint32_t key[8], const uint8_t *input, uint64_t counter, uint32_t flags,
				  uint32_t out[][8])
{
	lane_vec h[8], low, high;

	for (int i = 0; i < 8; i++)
		h[i] = (lane_vec) { 0 } + key[i];
	for (int i = 0; i < LANES; i++) {
		low[i] = (uint32_t)(counter + (uint64_t)i);
		high[i] = (uint32_t)((counter + (uint64_t)i) >> 32);
	}
	for (int block = 0; block < LEAF_SIZE / BLOCK_SIZE; block++) {
		lane_vec v[16], m[16];
		uint32_t f = flags | (block == 0 ? FLAG_LEAF_START : 0) |
			     (block == LEAF_SIZE / BLOCK_SIZE - 1 ? FLAG_LEAF_END : 0);

		lane_load(input + block * BLOCK_SIZE, m);
		for (int i = 0; i < 8; i++)
			v[i] = h[i];
		for (int i = 0; i < 4; i++)
			v[8 + i] = (lane_vec) { 0 } + hash_iv[i];
		v[12] = low;
		v[13] = high;
		v[14] = (lane_vec) { 0 } + (uint32_t)BLOCK_SIZE;
		v[15] = (lane_vec) { 0 } + f;
		SEVEN_ROUNDS;
		for (int i = 0; i < 8; i++)
			h[i] = v[i] ^ v[i + 8];
	}
	for (int lane = 0; lane < LANES; lane++)
		for (int i = 0; i < 8; i++)
			out[lane][i] = h[i][lane];
}

#undef LANE_JOIN2
#undef LANE_JOIN
#undef lane_vec
#undef lane_load
#undef LANES
#undef LANE_NAME
#undef LANE_TARGET
