/* bond.c - bond: and the cards there are -> one interface made of several (the kernel's bonding driver). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bond.h"

#include "base/file.h"
#include "net/interface.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* include/uapi/linux/if_link.h, enum IFLA_BOND_*: older headers lack some */
enum { BOND_MODE = 1, BOND_LINK_MS = 3, BOND_HASH = 14, BOND_LACP_RATE = 21 };

enum {
	LINK_MS = 100,         /* how often the driver looks at its cards' link */
	HASH_LAYER_3_4 = 1,    /* connections to one server spread over the cards */
	LACP_EVERY_SECOND = 1, /* instead of every 30 s: it is used sooner, and a dead partner noticed sooner */
	LACP_DEFAULTED = 0x40, /* of a port's state: nothing was heard (IEEE 802.1AX, 6.4.2.3) */
};

static const struct {
	const char *name;
	enum bond_mode mode;
} modes[] = { { "802.3ad", BOND_802_3AD }, { "active-backup", BOND_ACTIVE_BACKUP } };

const char *bond_mode_name(enum bond_mode mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (modes[i].mode == mode)
			return modes[i].name;
	return NULL;
}

int bond_wish_parse(const char *value, struct bond_wish *wish)
{
	size_t n = strcspn(value, ":");

	*wish = (struct bond_wish){ .cards = value[n] && value[n + 1] ? value + n + 1 : NULL };
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strlen(modes[i].name) == n && starts_with(value, modes[i].name))
			wish->mode = modes[i].mode;
	return wish->mode ? 0 : -EINVAL;
}

bool bond_wants(const struct bond_wish *wish, const struct card *card)
{
	const char *p = wish->cards;

	if (!p)
		return !card_is_wireless(NULL, card->name);
	while (*p) {
		size_t n = strcspn(p, "+");

		if (strlen(card->name) == n && strncmp(p, card->name, n) == 0)
			return true;
		p += n + (p[n] == '+');
	}
	return false;
}

static int find_bond(struct netlink *nl, int *ifindex)
{
	struct cards cards;
	int err = cards_list(nl, &cards);

	if (err)
		return err;
	err = -ENODEV;
	for (size_t i = 0; i < cards.count && err; i++)
		if (streq(cards.card[i].name, BOND_NAME) && streq(cards.card[i].kind, "bond")) {
			*ifindex = cards.card[i].ifindex;
			err = 0;
		}
	cards_free(&cards);
	return err;
}

int bond_make(struct netlink *nl, enum bond_mode mode, int *ifindex)
{
	struct ifinfomsg info = { 0 };
	cleanup_buf struct buf m = { 0 };
	const uint8_t mode_byte = (uint8_t)mode, hash = HASH_LAYER_3_4, rate = LACP_EVERY_SECOND;
	size_t outer, inner;
	int err;

	/* its mode can be changed only while it is off */
	err = find_bond(nl, ifindex) == 0 ? interface_set_up(nl, *ifindex, false) : 0;
	if (err)
		return err;
	nl_begin(&m, RTM_NEWLINK, NLM_F_CREATE, &info, sizeof(info));
	nl_put_string(&m, IFLA_IFNAME, BOND_NAME);
	outer = nl_nest(&m, IFLA_LINKINFO);
	nl_put_string(&m, IFLA_INFO_KIND, "bond");
	inner = nl_nest(&m, IFLA_INFO_DATA);
	nl_put(&m, BOND_MODE, &mode_byte, 1);
	nl_put_u32(&m, BOND_LINK_MS, LINK_MS);
	if (mode == BOND_802_3AD) {
		nl_put(&m, BOND_HASH, &hash, 1);
		nl_put(&m, BOND_LACP_RATE, &rate, 1);
	}
	nl_nest_end(&m, inner);
	nl_nest_end(&m, outer);
	err = netlink_request(nl, &m, "making the bond");
	if (err == -ENOTEMPTY) /* an earlier try's, with its cards in it */
		err = 0;
	return err ? err : find_bond(nl, ifindex);
}

/* ---- what keeps its cards from working */

/* The words of FILE of interface NAME; to be freed, NULL where there are none. */
static char *attribute(const char *sysfs, const char *name, const char *file)
{
	cleanup_free char *path = str_printf("%s/class/net/%s/%s", sysfs ? sysfs : "/sys", name, file);
	char *text = path ? file_text(path) : NULL;

	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

/* The number in that file; DEFAULT_VALUE where there is none. */
static int64_t number(const char *sysfs, const char *name, const char *file, int64_t default_value)
{
	cleanup_free char *text = attribute(sysfs, name, file);

	(void)!(text ? parse_number(text, INT32_MIN, INT32_MAX, &default_value) : 0);
	return default_value;
}

static void add_name(struct buf *list, const char *name)
{
	buf_printf(list, "%s%s", list->len ? ", " : "", name);
}

void bond_explain(const char *sysfs, struct buf *out)
{
	cleanup_free char *mode = attribute(sysfs, BOND_NAME, "bonding/mode");
	cleanup_free char *cards = attribute(sysfs, BOND_NAME, "bonding/slaves");
	cleanup_buf struct buf no_speed = { 0 }, no_lacp = { 0 };
	char *rest = cards, *name;

	if (!mode || !starts_with(mode, "802.3ad"))
		return;
	while ((name = strsep(&rest, " "))) {
		if (!*name || number(sysfs, name, "carrier", 0) != 1)
			continue;
		if (number(sysfs, name, "speed", -1) <= 0)
			add_name(&no_speed, name);
		else if (number(sysfs, name, "bonding_slave/ad_actor_oper_port_state", 0) & LACP_DEFAULTED)
			add_name(&no_lacp, name);
	}
	if (no_speed.len)
		buf_printf(out, "802.3ad cannot use %s: the driver tells no speed (bond:active-backup needs none)",
			   no_speed.data);
	if (no_lacp.len)
		buf_printf(out, "%sno LACP heard yet on %s: is the switch's port channel set up?",
			   no_speed.len ? "; " : "", no_lacp.data);
}

int bond_add(struct netlink *nl, int bond, int ifindex)
{
	struct ifinfomsg info = { .ifi_index = ifindex };
	cleanup_buf struct buf m = { 0 };
	int err = interface_set_up(nl, ifindex, false); /* the driver takes none that is on */

	if (err)
		return err;
	nl_begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	nl_put_u32(&m, IFLA_MASTER, (uint32_t)bond);
	return netlink_request(nl, &m, "giving the card to the bond");
}
