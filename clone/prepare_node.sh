#!/bin/sh
# prepare_node.sh - a copy of the golden node, mounted -> a machine of its own: identity, fstab, initramfs, boot loader.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# prepare_node.sh [LOADER [OPTIONS]]    "grub --with=ata_piix", "lilo", "none"
#
# Works on what is mounted at CHROOT, with what clone-plan wrote to PLANDIR (replication.conf). Each change is a line
# that begins with " - "; all of them are left in the new system's /var/log/ka_changes.
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "prepare_node.sh (stage1 0.1)"; exit 0 ;;
esac
KADIR=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export KADIR
. "$KADIR/replication.conf"
export CHROOT PLANDIR FIRST_BOOT
changes=$CHROOT/var/log/ka_changes

changed() {
	echo " - $*"
	echo "$*" >>"$changes"
}

# Whether the file $1 of the new system is there, as a file or a link that leads to one of its own.
has() { [ -e "$CHROOT$1" ] || [ -L "$CHROOT$1" ]; }

# Removes files of the new system; says so when there were any.
remove() {
	what=$1
	shift
	gone=
	for file in "$@"; do
		[ -e "$file" ] || [ -L "$file" ] || continue
		rm -rf "$file"
		gone="$gone ${file#"$CHROOT"}"
	done
	[ -z "$gone" ] || changed "$what:$gone"
}

# $1 random bytes as hexadecimal digits.
random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# Puts standard input in the place of the file $1, which keeps its owner and mode.
replace() {
	cat >"$1.ka_new" && cat "$1.ka_new" >"$1"
	rm -f "$1.ka_new"
}

# ---- who it is

set_machine_id() {
	has /etc/machine-id || has /var/lib/dbus/machine-id || return 0
	old=$(cat "$CHROOT/etc/machine-id" 2>/dev/null)
	# entries of systemd-boot go on being called after the token they were made with
	if [ -n "$old" ] && [ ! -e "$CHROOT/etc/kernel/entry-token" ]; then
		for folder in "$CHROOT/boot/$old" "$CHROOT/boot/efi/$old" "$CHROOT/efi/$old"; do
			[ -d "$folder" ] || continue
			mkdir -p "$CHROOT/etc/kernel"
			echo "$old" >"$CHROOT/etc/kernel/entry-token"
			changed "entry token of the boot entries: $old, in /etc/kernel/entry-token"
		done
	fi
	rm -f "$CHROOT/etc/machine-id"
	random_hex 16 >"$CHROOT/etc/machine-id"
	echo >>"$CHROOT/etc/machine-id"
	chmod 444 "$CHROOT/etc/machine-id"
	if has /var/lib/dbus/machine-id; then
		rm -f "$CHROOT/var/lib/dbus/machine-id"
		ln -s /etc/machine-id "$CHROOT/var/lib/dbus/machine-id"
	fi
	changed "machine-id: new"
}

set_seeds() {
	for file in /var/lib/systemd/random-seed /var/lib/urandom/random-seed /boot/loader/random-seed \
		/boot/efi/loader/random-seed /efi/loader/random-seed; do
		[ -s "$CHROOT$file" ] || continue
		head -c 512 /dev/urandom >"$CHROOT$file"
		changed "random seed: new: $file"
	done
	remove "secrets of the golden node removed" "$CHROOT/var/lib/systemd/credential.secret" \
		"$CHROOT/var/lib/NetworkManager/secret_key"
}

set_ssh_keys() {
	ls "$CHROOT"/etc/ssh/ssh_host_*_key >/dev/null 2>&1 || return 0
	kinds=
	for file in "$CHROOT"/etc/ssh/ssh_host_*_key; do
		kind=${file##*/ssh_host_}
		kind=${kind%_key}
		case $kind in rsa | ecdsa | ed25519) kinds="$kinds $kind" ;; esac
		rm -f "$file" "$file.pub" "$file-cert.pub"
	done
	for kind in $kinds; do
		ssh-keygen -q -t "$kind" -N '' -C "root@$name" \
			-f "$CHROOT/etc/ssh/ssh_host_${kind}_key" </dev/null || return 1
	done
	changed "ssh host keys: new:$kinds"
}

# What DHCP called it; else the golden node's name and the end of this card's address.
choose_name() {
	old_name=$(head -n 1 "$CHROOT/etc/hostname" 2>/dev/null | tr -d ' \t')
	name=${NODE_NAME:-$(setting HOSTNAME /run/stage1/env)}
	[ -z "$name" ] || return 0
	mac=$(setting MAC /run/stage1/env)
	[ -n "$mac" ] || mac=$(ip -o link show up 2>/dev/null | sed -n 's,.*link/ether \([0-9a-f:]*\).*,\1,p' |
		head -n 1)
	name=${old_name:-node}-$(echo "${mac:-$(random_hex 3)}" | tr -d ':-' | tail -c 7)
}

set_name() {
	case $name in *[!a-zA-Z0-9.-]* | '') echo "The name $name cannot be used." && return 1 ;; esac
	echo "$name" >"$CHROOT/etc/hostname"
	short=${name%%.*}
	if [ -n "$old_name" ] && [ "$old_name" != "$name" ] && [ -f "$CHROOT/etc/hosts" ]; then
		awk -v old="$old_name" -v short="${old_name%%.*}" -v to="$name" -v to_short="$short" '
			/^[ \t]*#/ { print; next }
			{
				line = $1
				for (i = 2; i <= NF; i++) {
					word = $i
					if (word == old) word = to
					else if (word == short || index(word, short ".") == 1)
						word = to_short substr(word, length(short) + 1)
					line = line (i == 2 ? "\t" : " ") word
				}
				print line
			}' "$CHROOT/etc/hosts" | replace "$CHROOT/etc/hosts"
	fi
	for file in /etc/mailname; do
		[ ! -f "$CHROOT$file" ] || echo "$name" >"$CHROOT$file"
	done
	changed "host name: $name (of the golden node: ${old_name:-none})"
}

set_names_of_storage() {
	if [ -s "$CHROOT/etc/iscsi/initiatorname.iscsi" ]; then
		printf 'InitiatorName=iqn.1993-08.org.debian:01:%s\n' "$(random_hex 6)" |
			replace "$CHROOT/etc/iscsi/initiatorname.iscsi"
		changed "iSCSI initiator name: new"
	fi
	remove "NVMe host names removed" "$CHROOT/etc/nvme/hostid" "$CHROOT/etc/nvme/hostnqn"
}

# ---- what it remembers of its network

forget_network() {
	echo " - Removing duplicated dhcp cache"
	remove "DHCP leases removed" "$CHROOT"/var/lib/dhcp/*.lease* "$CHROOT"/var/lib/dhcp3/*.lease* \
		"$CHROOT"/var/lib/dhclient/*.lease* "$CHROOT"/var/lib/dhcpcd/* "$CHROOT"/var/lib/dhcp/dhclient*duid* \
		"$CHROOT"/var/lib/NetworkManager/*.lease "$CHROOT"/var/lib/NetworkManager/internal-* \
		"$CHROOT"/var/lib/NetworkManager/timestamps "$CHROOT"/var/lib/NetworkManager/seen-bssids \
		"$CHROOT"/var/lib/wicked/*.xml "$CHROOT"/var/lib/systemd/network/* "$CHROOT"/etc/dhcpcd.duid \
		"$CHROOT"/etc/dhcpc/*.info
	echo " - Remove udev network rules"
	remove "udev rules that name cards removed" "$CHROOT"/etc/udev/rules.d/*persistent-net*.rules \
		"$CHROOT"/etc/udev/rules.d/61-net_config.rules "$CHROOT"/etc/udev/rules.d/*-persistent-cd.rules
	for file in "$CHROOT"/etc/sysconfig/network-scripts/ifcfg-*; do
		[ -f "$file" ] && grep -q '^HWADDR=' "$file" || continue
		sed '/^HWADDR=/d; /^UUID=/d' "$file" | replace "$file"
		changed "HWADDR= taken out of ${file#"$CHROOT"}"
	done
	found=$(grep -lsiE '^ *(MACAddress|PermanentMACAddress|mac-address|macaddress) *[=:]' \
		"$CHROOT"/etc/systemd/network/* "$CHROOT"/etc/NetworkManager/system-connections/* \
		"$CHROOT"/etc/netplan/* |
		sed "s,^$CHROOT,,")
	[ -z "$found" ] || changed "LEFT as it is, it names the golden node's card:" $found
}

# ---- what it remembers of its disks

make_fstab() {
	[ -s "$PLANDIR/fstab" ] || return 0
	cat "$PLANDIR/fstab" >"$CHROOT/etc/fstab"
	changed "fstab: this machine's own disks"
}

make_crypttab() {
	[ -s "$PLANDIR/crypttab" ] || { has /etc/crypttab && : >"$CHROOT/etc/crypttab"; return 0; }
	cat "$PLANDIR/crypttab" >"$CHROOT/etc/crypttab"
	changed "crypttab: this machine's own containers"
}

make_mdadm_conf() {
	for file in /etc/mdadm/mdadm.conf /etc/mdadm.conf; do
		[ -f "$CHROOT$file" ] || continue
		{
			sed '/^[ \t]*ARRAY/d' "$CHROOT$file"
			[ ! -s "$PLANDIR/mdadm.conf" ] || cat "$PLANDIR/mdadm.conf"
		} | replace "$CHROOT$file"
		changed "arrays in $file: this machine's own"
	done
}

forget_lvm() {
	remove "LVM's list of devices and its backups removed" "$CHROOT"/etc/lvm/devices/* "$CHROOT"/etc/lvm/backup/* \
		"$CHROOT"/etc/lvm/archive/* "$CHROOT"/etc/lvm/cache/*
}

# Old identifiers of file systems where boot loaders and initramfs have them: root=UUID=, resume=, search --fs-uuid.
change_uuids() {
	[ -s "$PLANDIR/uuids" ] || return 0
	sed -n 's/^\([0-9A-Fa-f-]\{8,\}\) \([0-9A-Fa-f-]\{8,\}\)$/s,\1,\2,g/p' "$PLANDIR/uuids" >"$PLANDIR/uuids.sed"
	for file in "$CHROOT"/etc/default/grub "$CHROOT"/etc/default/grub.d/* "$CHROOT"/etc/kernel/cmdline \
		"$CHROOT"/etc/initramfs-tools/conf.d/* "$CHROOT"/etc/dracut.conf "$CHROOT"/etc/dracut.conf.d/* \
		"$CHROOT"/etc/mkinitcpio.conf "$CHROOT"/etc/mkinitcpio.d/* "$CHROOT"/etc/lilo.conf "$CHROOT"/etc/fstab \
		"$CHROOT"/boot/grub/grub.cfg "$CHROOT"/boot/grub2/grub.cfg "$CHROOT"/boot/grub/menu.lst \
		"$CHROOT"/boot/loader/entries/*.conf "$CHROOT"/boot/efi/loader/entries/*.conf \
		"$CHROOT"/efi/loader/entries/*.conf \
		"$CHROOT"/boot/efi/EFI/*/grub.cfg "$CHROOT"/efi/EFI/*/grub.cfg "$CHROOT"/boot/extlinux/*.conf \
		"$CHROOT"/boot/syslinux/*.cfg; do
		[ -f "$file" ] || continue
		sed -f "$PLANDIR/uuids.sed" "$file" >"$PLANDIR/changed" &&
			! cmp -s "$file" "$PLANDIR/changed" || continue
		cat "$PLANDIR/changed" >"$file"
		changed "identifiers of file systems: this machine's own in ${file#"$CHROOT"}"
	done
	resume
}

# A swap that is gone would hold the boot up for a minute and a half.
resume() {
	file=$CHROOT/etc/initramfs-tools/conf.d/resume
	[ -f "$file" ] || return 0
	swap=$(awk '$3 == "swap" { print $1; exit }' "$CHROOT/etc/fstab")
	echo "RESUME=${swap:-none}" | replace "$file"
	changed "resume: ${swap:-none}"
}

# ---- the new system's own tools, with this machine's devices

enter() {
	for folder in dev proc sys run; do
		mkdir -p "$CHROOT/$folder"
		mount --rbind "/$folder" "$CHROOT/$folder" || return 1
		mount --make-rslave "$CHROOT/$folder"
	done
}

leave() {
	for folder in run sys proc dev; do umount -l "$CHROOT/$folder" 2>/dev/null; done
}

mkdir -p "$CHROOT/var/log"
echo "what made this machine one of its own, $(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$changes"
choose_name
set_machine_id
set_seeds
set_name || exit 1
set_ssh_keys || exit 1
set_names_of_storage
forget_network
forget_lvm
make_fstab
make_crypttab
make_mdadm_conf
change_uuids
loader=${1:-grub}
tool=${loader%% *}
options=${loader#"$tool"}
[ "$tool" != none ] || exit 0
case $tool in
grub | lilo) ;;
*) echo "bootloader $tool: grub, lilo and none are known" && exit 1 ;;
esac
enter || { leave; exit 1; }
# shellcheck disable=SC2086 # words
"make_initrd_$tool" $options
status=$?
leave
exit $status
