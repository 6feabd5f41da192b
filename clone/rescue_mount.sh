#!/bin/sh
# rescue_mount.sh - the disks of this machine -> its system mounted below a folder, as its own fstab says.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rescue_mount.sh FOLDER    arrays and volume groups are started; of several systems the first is taken. What is no part
#                           of a system is mounted at FOLDER/NAME-OF-ITS-DEVICE
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "rescue_mount.sh (stage1 0.1)"; exit 0 ;;
'') echo "usage: rescue_mount.sh FOLDER" >&2; exit 2 ;;
esac
. "$(dirname -- "$0")/replication.conf"
folder=${1%/}

# Every device with a file system that Linux mounts, one a line: NAME TYPE.
file_systems() {
	lsblk -rno PATH,FSTYPE | while read -r path type; do
		case $type in
		ext[234] | xfs | btrfs | vfat | f2fs | jfs | reiserfs) echo "$path $type" ;;
		esac
	done | sort -u
}

# The device that the first field of a line of fstab names.
device_of() {
	case $1 in
	*=*) blkid -o device -t "$(echo "$1" | tr -d '"')" | head -n 1 ;;
	/dev/*) echo "$1" ;;
	esac
}

mount_as_fstab_says() {
	while read -r spec point type options _; do
		case "$spec $point $type" in
		'#'* | '  '* | *' / '* | *' swap' | *' none '*) continue ;;
		*' '/*) ;;
		*) continue ;;
		esac
		device=$(device_of "$spec")
		[ -n "$device" ] && [ -b "$device" ] || continue
		case $options in
		*subvol=*) options=subvol=${options#*subvol=} && options=${options%%,*} ;;
		*) options=rw ;;
		esac
		echo "  $device at $folder$point"
		mkdir -p "$folder$point"
		mount -t "$type" -o "$options" "$device" "$folder$point"
	done <"$folder/etc/fstab"
}

# The subvolume that holds /etc/fstab, of the btrfs mounted at $folder: "" where its top does.
find_subvolume() {
	[ -e "$folder/etc/fstab" ] && return
	for file in "$folder"/*/etc/fstab; do
		[ ! -e "$file" ] || { name=${file#"$folder"/} && echo "${name%/etc/fstab}"; return; }
	done
}

command -v mdadm >/dev/null && mdadm --assemble --scan --quiet
command -v vgchange >/dev/null && vgchange -qq -ay 2>/dev/null
udevadm settle --timeout=20 2>/dev/null
mkdir -p "$folder"
list=$(file_systems)
root=
while read -r device type; do
	[ -n "$device" ] || continue
	mount -t "$type" -o ro "$device" "$folder" 2>/dev/null || continue
	subvolume=$([ "$type" != btrfs ] || find_subvolume)
	if [ -e "$folder/${subvolume:+$subvolume/}etc/fstab" ]; then
		umount "$folder"
		mount -t "$type" -o "rw${subvolume:+,subvol=$subvolume}" "$device" "$folder" && root=$device && break
	fi
	umount "$folder"
done <<END
$list
END
if [ -n "$root" ]; then
	echo "  $root at $folder"
	mount_as_fstab_says
	exit 0
fi
echo "No disk of this machine holds a system with /etc/fstab."
while read -r device type; do
	[ -n "$device" ] || continue
	point=$folder/${device##*/}
	mkdir -p "$point" && mount -t "$type" "$device" "$point" && echo "  $device at $point"
done <<END
$list
END
exit 1
