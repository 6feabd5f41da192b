/* packet.c - a card -> its frames as they are on the wire, before it has an address (packet(7)). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/packet.h"

#include "net/frame.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALL_PROTOCOLS = 0x0003 }; /* ETH_P_ALL: spanning tree has no protocol number of its own */

/* include/uapi/linux/filter.h: what the kernel keeps beside the frame; older headers lack the last one */
enum { BESIDE_FRAME = -0x1000, VLAN_TAG = 44, VLAN_TAG_PRESENT = 48, VLAN_ID = 0x0fff };

#define LOAD_BYTE(at)        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(at))
#define LOAD_HALF(at)        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(at))
#define LOAD_WORD(at)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at))
#define IF_EQUAL(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)
#define RETURN(bytes)        BPF_STMT(BPF_RET | BPF_K, bytes)

#define IF_ANY(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)

/* The jumps count the instructions in between. */
static struct sock_filter wanted[] = {
	/*  0 */ LOAD_BYTE(BESIDE_FRAME + VLAN_TAG_PRESENT),
	/*  1 */ IF_EQUAL(0, 2, 0),
	/*  2 */ LOAD_HALF(BESIDE_FRAME + VLAN_TAG),
	/*  3 */ IF_ANY(VLAN_ID, 24, 0),  /* id 0 is no VLAN, but a priority (IEEE 802.1Q, 9.6) */
	/*  4 */ LOAD_HALF(12),           /* Ethernet type */
	/*  5 */ IF_EQUAL(0x0806, 23, 0), /* ARP */
	/*  6 */ IF_EQUAL(0x86dd, 9, 0),  /* IPv6 */
	/*  7 */ IF_EQUAL(0x0800, 0, 16), /* IPv4 */
	/*  8 */ LOAD_BYTE(14 + 9),
	/*  9 */ IF_EQUAL(17, 0, 18), /* UDP */
	/* 10 */ LOAD_HALF(14 + 6),
	/* 11 */ IF_ANY(0x1fff, 16, 0),                      /* not the first piece of a datagram */
	/* 12 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),    /* X: the IP header's length */
	/* 13 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14 + 2), /* destination port */
	/* 14 */ IF_EQUAL(67, 14, 0),
	/* 15 */ IF_EQUAL(68, 13, 12),
	/* 16 */ LOAD_BYTE(14 + 6), /* IPv6: what follows the header */
	/* 17 */ IF_EQUAL(17, 3, 0),
	/* 18 */ IF_EQUAL(58, 0, 9), /* ICMPv6 */
	/* 19 */ LOAD_BYTE(14 + 40),
	/* 20 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 133, 2, 7), /* neighbour discovery: 133 to 136 */
	/* 21 */ LOAD_HALF(14 + 40 + 2),                         /* UDP's destination port */
	/* 22 */ IF_EQUAL(546, 6, 5),
	/* 23 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 136, 4, 5),
	/* 24 */ LOAD_WORD(0), /* destination: 01:80:c2:00:00:00 */
	/* 25 */ IF_EQUAL(0x0180c200, 0, 2),
	/* 26 */ LOAD_HALF(4),
	/* 27 */ IF_EQUAL(0x0000, 1, 0),
	/* 28 */ RETURN(0),
	/* 29 */ RETURN(UINT32_MAX),
};

static int set_up(int fd, int ifindex)
{
	struct sock_fprog program = { .len = ARRAY_SIZE(wanted), .filter = wanted };
	struct sockaddr_ll where = { .sll_family = AF_PACKET,
				     .sll_protocol = htons(ALL_PROTOCOLS),
				     .sll_ifindex = ifindex };
	int on = 1;

	/* The socket was made deaf (protocol 0) so that nothing comes in before the filter is there. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		return -errno;
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)); /* else checksums are taken at their word */
	return 0;
}

void packet_hear_groups(int fd, int ifindex)
{
	struct packet_mreq all = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI };

	setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

int packet_open(int ifindex)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	err = set_up(fd, ifindex);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int packet_send(int fd, int ifindex, const void *frame, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = MAC_LEN };

	memcpy(to.sll_addr, frame, MAC_LEN);
	return sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static bool checksum_left_out(struct msghdr *m)
{
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
		    c->cmsg_len >= CMSG_LEN(sizeof(aux))) {
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			return aux.tp_status & TP_STATUS_CSUMNOTREADY;
		}
	return false;
}

int packet_receive(int fd, uint8_t *frame, size_t size, bool *no_checksum)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} beside;
	struct sockaddr_ll from;
	struct iovec iov = { .iov_base = frame, .iov_len = size };

	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &beside,
			    .msg_controllen = sizeof(beside) };
	ssize_t n = recvmsg(fd, &m, 0);

	if (n < 0)
		return -errno;
	*no_checksum = checksum_left_out(&m);
	return from.sll_pkttype == PACKET_OUTGOING ? 0 : (int)n;
}
