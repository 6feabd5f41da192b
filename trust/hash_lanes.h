/* hash_lanes.h - LANES inputs (leaves, or parents' blocks) -> LANES chaining values at once; once per vector width. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before including, define LANES (4, 8, 16), LANE_NAME (the function) and LANE_TARGET (its target attribute). One
 * vector holds one 32-bit word of every input, so the compression function is written as for a single one. */

#define LANE_JOIN2(a, b) a##b
#define LANE_JOIN(a, b)  LANE_JOIN2(a, b)
#define lane_vec         LANE_JOIN(lane_vec_, LANES)
#define lane_rows        LANE_JOIN(lane_rows_, LANES)
#define lane_turn        LANE_JOIN(lane_turn_, LANES)

typedef uint32_t lane_vec __attribute__((vector_size(LANES * 4)));

/* Four words at P of every fourth input into ROW: as many rows beside each other as there are squares of 4 x 4 in a
 * vector. The compiler keeps them in registers; an array of rows would go through memory, where small stores delay a
 * large load. */
static inline LANE_TARGET void lane_rows(lane_vec *row, const uint8_t *p, size_t stride)
{
	square_row r[LANES / 4];

	for (size_t i = 0; i < LANES / 4; i++)
		memcpy(&r[i], p + 4 * i * stride, sizeof(r[i]));
#if LANES == 4
	(void)stride;
	*row = r[0];
#elif LANES == 8
	*row = __builtin_shufflevector(r[0], r[1], 0, 1, 2, 3, 4, 5, 6, 7);
#else
	*row = __builtin_shufflevector(__builtin_shufflevector(r[0], r[1], 0, 1, 2, 3, 4, 5, 6, 7),
				       __builtin_shufflevector(r[2], r[3], 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6,
				       7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
}

/* Turns rows into columns within each square of 4 x 4. */
#if LANES == 4
#define SQUARES(f) f(0)
#elif LANES == 8
#define SQUARES(f) f(0), f(4)
#else
#define SQUARES(f) f(0), f(4), f(8), f(12)
#endif
#define LOW_WORDS(i)  (i), (i) + LANES, (i) + 1, (i) + 1 + LANES
#define HIGH_WORDS(i) (i) + 2, (i) + 2 + LANES, (i) + 3, (i) + 3 + LANES
#define LOW_PAIR(i)   (i), (i) + 1, (i) + LANES, (i) + 1 + LANES
#define HIGH_PAIR(i)  (i) + 2, (i) + 3, (i) + 2 + LANES, (i) + 3 + LANES
static inline LANE_TARGET void lane_turn(lane_vec r[4])
{
	lane_vec t0 = __builtin_shufflevector(r[0], r[1], SQUARES(LOW_WORDS));
	lane_vec t1 = __builtin_shufflevector(r[2], r[3], SQUARES(LOW_WORDS));
	lane_vec t2 = __builtin_shufflevector(r[0], r[1], SQUARES(HIGH_WORDS));
	lane_vec t3 = __builtin_shufflevector(r[2], r[3], SQUARES(HIGH_WORDS));

	r[0] = __builtin_shufflevector(t0, t1, SQUARES(LOW_PAIR));
	r[1] = __builtin_shufflevector(t0, t1, SQUARES(HIGH_PAIR));
	r[2] = __builtin_shufflevector(t2, t3, SQUARES(LOW_PAIR));
	r[3] = __builtin_shufflevector(t2, t3, SQUARES(HIGH_PAIR));
}

/* LANES inputs, as MANY says, the first with COUNTER -> OUT[LANES], little-endian words. */
static LANE_TARGET void LANE_NAME(const uint32_t key[8], const uint8_t *input, const struct many *many,
				  uint64_t counter, uint8_t out[][HASH_SIZE])
{
	lane_vec h[8], low, high;

	for (int i = 0; i < 8; i++)
		h[i] = (lane_vec){ 0 } + key[i];
	for (uint32_t i = 0; i < LANES; i++) {
		low[i] = (uint32_t)(counter + many->step * i);
		high[i] = (uint32_t)((counter + many->step * i) >> 32);
	}
	for (size_t block = 0; block < many->blocks; block++) {
		const uint8_t *p = input + block * BLOCK_SIZE;
		lane_vec v[16], m[16];
		uint32_t f =
			many->flags | (block == 0 ? many->first : 0) | (block == many->blocks - 1 ? many->last : 0);

		for (size_t word = 0; word < 16; word += 4) {
			for (size_t i = 0; i < 4; i++)
				lane_rows(&m[word + i], p + word * 4 + i * many->stride, many->stride);
			lane_turn(m + word);
		}
		if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
			for (int word = 0; word < 16; word++)
				for (int i = 0; i < LANES; i++)
					m[word][i] = little32(m[word][i]);
		for (int i = 0; i < 8; i++)
			v[i] = h[i];
		for (int i = 0; i < 4; i++)
			v[8 + i] = (lane_vec){ 0 } + hash_iv[i];
		v[12] = low;
		v[13] = high;
		v[14] = (lane_vec){ 0 } + (uint32_t)BLOCK_SIZE;
		v[15] = (lane_vec){ 0 } + f;
		SEVEN_ROUNDS;
		for (int i = 0; i < 8; i++)
			h[i] = v[i] ^ v[i + 8];
	}
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		for (int word = 0; word < 8; word++)
			for (int i = 0; i < LANES; i++)
				h[word][i] = little32(h[word][i]);
	for (int word = 0; word < 8; word += 4) {
		lane_turn(h + word);
		for (int i = 0; i < 4; i++)
			for (int square = 0; square < LANES / 4; square++)
				memcpy(out[4 * square + i] + 4 * word, (char *)&h[word + i] + 16 * square, 16);
	}
}

#undef LANE_JOIN2
#undef LANE_JOIN
#undef lane_vec
#undef lane_rows
#undef lane_turn
#undef SQUARES
#undef LOW_WORDS
#undef HIGH_WORDS
#undef LOW_PAIR
#undef HIGH_PAIR
#undef LANES
#undef LANE_NAME
#undef LANE_TARGET
