#!/bin/sh
# rescue_loader.sh - a system mounted below a folder -> its initramfs and boot loader anew on the disk it lies on.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rescue_loader.sh FOLDER    after rescue_mount.sh FOLDER
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "rescue_loader.sh (stage1 0.1)"; exit 0 ;;
'') echo "usage: rescue_loader.sh FOLDER" >&2; exit 2 ;;
esac
CHROOT=${1%/}
. "$(dirname -- "$0")/replication.conf"
export CHROOT
PLANDIR=/tmp/ka_rescue
export PLANDIR
mkdir -p "$PLANDIR"
device=$(findmnt -no SOURCE "$CHROOT" | sed 's/\[.*//')
# What the disk is called that the root lies on, below arrays and volumes.
disk=$(lsblk -srno PATH,TYPE "$device" | sed -n 's/ disk$//p' | head -n 1)
{
	echo "DISKS='$disk'"
	esp=$(findmnt -no SOURCE "$CHROOT/boot/efi" || findmnt -no SOURCE "$CHROOT/efi")
	[ -z "$esp" ] || echo "ESP='$esp'"
} >"$PLANDIR/boot"
for folder in dev proc sys run; do mount --rbind "/$folder" "$CHROOT/$folder"; done
make_initrd_grub
status=$?
for folder in run sys proc dev; do umount -l "$CHROOT/$folder"; done
exit $status
