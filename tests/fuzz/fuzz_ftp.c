/* fuzz_ftp.c - any bytes as FTP replies: no crash, and cutting them anywhere changes nothing. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/ftp/parse.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ftp_reply whole = { 0 }, cut = { 0 };
	size_t used = 0, at = 0, n;
	char time[64];
	int64_t bytes;
	uint16_t port;
	int err = ftp_reply_feed(&whole, data, size, &used), cut_err = 0;

	while (at < size && !cut.complete && !cut_err) {
		cut_err = ftp_reply_feed(&cut, data + at, 1, &n);
		assert(n == 1);
		at++;
	}
	assert(err == cut_err && whole.complete == cut.complete && whole.code == cut.code);
	if (!whole.complete)
		return 0;
	assert(used == at && strcmp(whole.line, cut.line) == 0);
	assert(whole.code >= 100 && whole.code <= 599 && strlen(whole.line) >= 3);
	if (ftp_read_epsv(whole.line, &port) || ftp_read_pasv(whole.line, &port))
		assert(port);
	if (ftp_read_size(whole.line, &bytes))
		assert(bytes >= 0);
	if (ftp_read_time(whole.line, time, sizeof(time)))
		assert(strlen(time) >= 14);
	return 0;
}
