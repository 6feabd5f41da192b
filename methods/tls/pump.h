/* pump.h - a TLS session between two descriptors: ciphertext on one, plain bytes on the other. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_PUMP_H
#define METHODS_TLS_PUMP_H

#include "base/base.h"

#include <bearssl.h>

/* How many of the first bytes of the other side are kept. */
#define PUMP_HEAD 32

/* How a session went. */
struct pump_result {
	uint8_t head[PUMP_HEAD]; /* the first HEAD_LEN bytes of NET */
	size_t head_len;
	bool agreed; /* the handshake is behind */
	bool closed; /* the server said that it has sent everything */
	int error;   /* of BearSSL (BR_ERR_*), 0: none */
	int err;     /* of the descriptors, -errno; 0: none */
};

/* Runs ENGINE between NET and PLAIN, both non-blocking, until one of them ends, and fills R. Calls AGREED(CTX) once
 * when the handshake is behind. When nothing moves for SILENCE_MS the session has ended, with -ETIMEDOUT. */
void pump_run(br_ssl_engine_context *engine, int net, int plain, int64_t silence_ms, void (*agreed)(void *ctx),
	      void *ctx, struct pump_result *r);

#endif
