#!/bin/sh
# bootable_flag.sh - a disk whose MBR table marks nothing bootable -> its first primary partition is.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bootable_flag.sh DISK    a GPT disk is left alone
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "bootable_flag.sh (stage1 0.1)"; exit 0 ;;
'') echo "usage: bootable_flag.sh DISK" >&2; exit 2 ;;
esac
. "$(dirname -- "$0")/replication.conf"
disk=$1
table=$(sfdisk -d "$disk") || exit 1
case $table in
*'label: gpt'* | *', bootable'*) exit 0 ;;
esac
echo "Marking partition 1 of $disk bootable"
sfdisk -q --no-reread --no-tell-kernel -A "$disk" 1
