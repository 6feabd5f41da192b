/* uevent.h - the kernel's messages about devices, and the uevent files of sysfs -> fields. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_UEVENT_H
#define PROBE_UEVENT_H

#include "base/base.h"

/* What stage1 reads of one message or file. The strings lie in the bytes that were parsed; NULL where absent. */
struct uevent {
	const char *action;    /* "add", "remove", "bind", "change"...; NULL in a file */
	const char *devpath;   /* "/devices/pci0000:00/0000:00:03.0", below /sys; NULL in a file */
	const char *subsystem; /* the bus or class: "pci", "usb", "net"; NULL in a file */
	const char *modalias;  /* what the driver is looked up by */
	const char *driver;    /* the driver bound to the device */
};

/* The largest message taken, in bytes. The kernel's own limit is 2048 for the values (UEVENT_BUFFER_SIZE in
 * include/linux/kobject.h) and one path before them. */
#define UEVENT_MAX 8192

/* Parses one message of the kernel: "add@/devices/...", NUL, then "KEY=value", NUL, repeated (lib/kobject_uevent.c).
 * DATA must end in NUL. 0, or -EBADMSG for anything else, libudev's own messages included. Pure. */
int uevent_parse(const char *data, size_t len, struct uevent *ev) must_check;

/* Parses a uevent file of sysfs, lines of KEY=value; TEXT[LEN] must be writable, the line ends become NUL. Where a key
 * comes twice (ACPI shows two MODALIAS), the first counts. */
void uevent_parse_file(char *text, size_t len, struct uevent *ev);

/* A socket that gets the kernel's messages from now on; non-blocking. The descriptor or -errno. */
int uevent_open(void) must_check;

/* Takes the next message from FD into BUF of SIZE bytes. 1: EV is filled; 0: none is waiting (or it was no message of
 * the kernel's); -ENOBUFS: messages were lost, look at sysfs again; else -errno. */
int uevent_read(int fd, char *buf, size_t size, struct uevent *ev) must_check;

#endif
