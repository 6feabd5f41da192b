/* card.c - what the kernel tells of its interfaces, and interface: -> the network cards that may be used. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/card.h"

#include "base/digits.h"
#include "base/log.h"
#include "net/address.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ETHERNET = 1 };      /* ARPHRD_ETHER: what BOOTIF= begins with, too */
enum { LINK_MAX_MTU = 51 }; /* IFLA_MAX_MTU, since Linux 4.18 */

static void read_kind(const struct nl_attr *info, struct card *card)
{
	const uint8_t *p = info->data;
	size_t len = info->len;
	struct nl_attr a;

	while (nl_next(&p, &len, &a))
		if (a.type == IFLA_INFO_KIND)
			nl_string(&a, card->kind, sizeof(card->kind));
}

bool card_read(const uint8_t *data, size_t len, struct card *card)
{
	/* Not IFF_RUNNING, which the kernel's link watch may set up to a second later. */
	const unsigned running = IFF_UP | IFF_LOWER_UP;
	struct ifinfomsg info;
	struct nl_attr a;

	if (len < sizeof(info))
		return false;
	memcpy(&info, data, sizeof(info));
	if (info.ifi_family != AF_UNSPEC) /* a bridge port's extra message */
		return false;
	*card = (struct card){ .ifindex = info.ifi_index };
	card->up = info.ifi_flags & IFF_UP;
	card->running = (info.ifi_flags & running) == running;
	data += NLMSG_ALIGN(sizeof(info));
	len -= MIN(len, NLMSG_ALIGN(sizeof(info)));
	while (nl_next(&data, &len, &a)) {
		if (a.type == IFLA_IFNAME)
			nl_string(&a, card->name, sizeof(card->name));
		else if (a.type == IFLA_ADDRESS && a.len == MAC_LEN)
			memcpy(card->mac, a.data, MAC_LEN);
		else if (a.type == IFLA_LINKINFO)
			read_kind(&a, card);
		else if (a.type == IFLA_MASTER)
			card->master = nl_u32(&a);
		else if (a.type == IFLA_LINK)
			card->link = (int)nl_u32(&a);
		else if (a.type == IFLA_MTU)
			card->mtu = nl_u32(&a);
		else if (a.type == LINK_MAX_MTU)
			card->max_mtu = nl_u32(&a);
		else
			continue;
	}
	card->ethernet = info.ifi_type == ETHERNET && !(info.ifi_flags & IFF_LOOPBACK);
	return card->name[0];
}

static int add_card(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct cards *cards = ctx;
	struct card card, *more;

	if (type != RTM_NEWLINK || !card_read(data, len, &card))
		return 0;
	more = realloc(cards->card, (cards->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	cards->card = more;
	cards->card[cards->count++] = card;
	return 0;
}

int cards_list(struct netlink *nl, struct cards *cards)
{
	struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	cleanup_buf struct buf m = { 0 };
	int err;

	*cards = (struct cards){ 0 };
	nl_begin(&m, RTM_GETLINK, 0, &any, sizeof(any));
	err = netlink_dump(nl, &m, add_card, cards);
	if (err)
		cards_free(cards);
	return err;
}

void cards_free(struct cards *cards)
{
	free(cards->card);
	*cards = (struct cards){ 0 };
}

bool card_is_usable(const struct card *card)
{
	return card->ethernet && !card->master && (!card->kind[0] || streq(card->kind, "veth"));
}

bool card_is_wireless(const char *sysfs, const char *name)
{
	static const char *const marks[] = { "phy80211", "wireless" };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		cleanup_free char *path = str_printf("%s/class/net/%s/%s", sysfs ? sysfs : "/sys", name, marks[i]);

		if (path && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Six octets in hex, separated by : or -, -> MAC. 0 or -EINVAL. */
static int mac_parse(const char *s, uint8_t mac[MAC_LEN])
{
	uint8_t out[MAC_LEN];

	for (int i = 0; i < MAC_LEN; i++) {
		int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
		s += 2;
		if (i < MAC_LEN - 1 && *s != ':' && *s != '-')
			return -EINVAL;
		if (i < MAC_LEN - 1)
			s++;
	}
	if (*s)
		return -EINVAL;
	memcpy(mac, out, MAC_LEN);
	return 0;
}

const char *mac_text(const uint8_t mac[MAC_LEN], char buf[MAC_TEXT_SIZE])
{
	snprintf(buf, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

/* pxelinux writes the hardware type before the address: BOOTIF=01-00-02-b3-3f-78-8c, 01 for Ethernet; others write 00,
 * 20 or what they like. */
static bool bootif_parse(const char *bootif, uint8_t mac[MAC_LEN])
{
	static const char digits[] = "0123456789abcdefABCDEF";

	if (strlen(bootif) == MAC_TEXT_SIZE - 1 + 3 && strspn(bootif, digits) == 2 && strchr("-:", bootif[2]))
		bootif += 3;
	return mac_parse(bootif, mac) == 0;
}

int card_wish_parse(const char *interface, const char *bootif, struct card_wish *wish)
{
	*wish = (struct card_wish){ .choice = CARD_ANY };
	if (!interface) {
		if (bootif && bootif_parse(bootif, wish->mac)) {
			wish->choice = CARD_MAC;
			wish->by_bootif = true;
		} else if (bootif) {
			log_warn("BOOTIF=%s is no MAC address, every card is tried", bootif);
		}
		return 0;
	}
	if (streq(interface, "auto"))
		return 0;
	if (streq(interface, "wired")) {
		wish->choice = CARD_WIRED;
		return 0;
	}
	if (mac_parse(interface, wish->mac) == 0) {
		wish->choice = CARD_MAC;
		return 0;
	}
	wish->choice = CARD_NAMED;
	/* the kernel's own rules for a name (dev_valid_name) */
	if (strlen(interface) >= sizeof(wish->name) || strpbrk(interface, "/: \t\n") || streq(interface, ".") ||
	    streq(interface, ".."))
		return -EINVAL;
	return str_copy(wish->name, sizeof(wish->name), interface);
}

bool card_matches(const struct card *card, const struct card_wish *wish)
{
	switch (wish->choice) {
	case CARD_ANY:
		return true;
	case CARD_WIRED:
		return !card_is_wireless(NULL, card->name);
	case CARD_NAMED:
		return streq(card->name, wish->name);
	case CARD_MAC:
		return memcmp(card->mac, wish->mac, MAC_LEN) == 0;
	}
	return false;
}

void cards_describe(const struct cards *cards, struct buf *out)
{
	const char *separator = "";
	char mac[MAC_TEXT_SIZE];

	for (size_t i = 0; i < cards->count; i++) {
		const struct card *c = &cards->card[i];

		if (!card_is_usable(c))
			continue;
		buf_printf(out, "%s%s (%s)", separator, c->name, mac_text(c->mac, mac));
		separator = ", ";
	}
}
