/* fuzz_ip.c - any text as ip=, BOOTIF= and bond: -> what is wanted of the network or an error, never a crash. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/wish.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	/* the fuzzer's way to give two words */
	char *second = text && strchr(text, ' ') ? strchr(text, ' ') + 1 : NULL;
	char *words[] = { text, second };
	struct options o = { .ips = { words, second ? 2 : 1 }, .bootif = text };
	struct network net;
	const struct card card = { .name = "eth0" };
	struct bond_wish bond;
	struct net_wish w;

	if (second)
		second[-1] = '\0';
	if (text && net_wish_read(&o, &w, NULL) == 0 && w.mode == NET_STATIC && static_network(&w, &net, NULL) == 0)
		network_free(&net);
	if (text)
		(void)!net_wish_leaves(&w, &card);
	if (text)
		net_wish_free(&w);
	if (text && bond_wish_parse(text, &bond) == 0)
		(void)!bond_wants(&bond, &card);
	free(text);
	return 0;
}
