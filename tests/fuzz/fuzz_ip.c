/* fuzz_ip.c - any text as ip= and BOOTIF= -> what is wanted of the network or an error, never a crash. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/wish.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct options o = { .ip = text, .bootif = text };
	struct network net;
	struct net_wish w;

	if (text && net_wish_read(&o, &w, NULL) == 0 && w.mode == NET_STATIC && static_network(&w, &net, NULL) == 0)
		network_free(&net);
	if (text)
		net_wish_free(&w);
	free(text);
	return 0;
}
