/* ethtool.c - the name of a card -> its driver, its place on the bus, its speed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/card.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* One ethtool request about the card; DATA begins with the command. */
static int ask(int fd, const char *name, void *data)
{
	struct ifreq request = { 0 };

	str_copy(request.ifr_name, sizeof(request.ifr_name), name);
	request.ifr_data = data;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

/* The speed by the newer request (which asks first how many words the kernel wants), else by the old one. */
static int ask_speed(int fd, const char *name)
{
	union {
		struct ethtool_link_settings head;
		uint32_t room[sizeof(struct ethtool_link_settings) / 4 + 3 * 127];
	} s = { .head = { .cmd = ETHTOOL_GLINKSETTINGS } };
	struct ethtool_cmd old = { .cmd = ETHTOOL_GSET };
	uint32_t speed = 0;

	if (ask(fd, name, &s) == 0 && s.head.link_mode_masks_nwords < 0) {
		s.head.cmd = ETHTOOL_GLINKSETTINGS;
		s.head.link_mode_masks_nwords = (int8_t)-s.head.link_mode_masks_nwords;
		if (ask(fd, name, &s) == 0)
			speed = s.head.speed;
	} else if (ask(fd, name, &old) == 0) {
		speed = ethtool_cmd_speed(&old);
	}
	return speed >= INT32_MAX ? 0 : (int)speed; /* SPEED_UNKNOWN is all ones */
}

void card_ask(const char *name, struct card_facts *facts)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*facts = (struct card_facts){ 0 };
	if (fd < 0)
		return;
	if (ask(fd, name, &info) == 0) {
		info.driver[sizeof(info.driver) - 1] = '\0';
		info.bus_info[sizeof(info.bus_info) - 1] = '\0';
		str_copy(facts->driver, sizeof(facts->driver), info.driver);
		str_copy(facts->address, sizeof(facts->address), info.bus_info);
	}
	facts->speed = ask_speed(fd, name);
}
