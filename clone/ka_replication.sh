#!/bin/sh
# ka_replication.sh - a golden node's sessions kainstall1, kainstall2 ... -> this machine is its clone, and boots from
# its own disk. ALL ON THE DISKS CHOSEN IS LOST.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run by the rescue system's init for the word kamethod. What it says goes to the console, to /tmp/ka_log-*, and by
# send_status to who looks from the golden node. It begins from nothing each time it is started.
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "ka_replication.sh (stage1 0.1)"; exit 0 ;;
esac
KADIR=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export KADIR
. "$KADIR/replication.conf"
IP=$(own_address)
LOG=${LOG:-/tmp/ka_log-$IP-$(date +%Y%m%d-%Hh%M)}
WHY=/tmp/ka_failed   # the reason, once there is one
BEGUN=/tmp/ka_begun  # the stream of this session has begun
count=0

# Says $* to the golden node, where it is known by now.
report() {
	[ -s "$TMPFILESDIR/key" ] || return 0
	send_status -k "$TMPFILESDIR/key" -r "$(tr '\n' ' ' <"$TMPFILESDIR/golden")" "$*" || :
}

# The end of this script; who started it (below) does what is to be done then.
fail() {
	echo "$*" >"$WHY"
	echo "FAILED: $*"
	report "FAILED $*"
	exit 1
}

# The next session's stream into the command $1. A server that is not there yet is looked for again and again.
receive() {
	count=$((count + 1))
	echo "Current session is -s $SESSION$count"
	rm -f "$BEGUN"
	try=0
	until ka-d-client -w -s "$SESSION$count" -e ": >$BEGUN; $1" 2>&1; do
		[ ! -e "$BEGUN" ] || return 1
		try=$((try + 1))
		[ $try -lt "$START_TRIES" ] || return 1
	done
}

# ---- which disk is which

# The disks that may be written to, the first first: no RAM, no loop device, nothing that can be taken out, none that
# cannot be written.
own_disks() {
	lsblk -dnbo NAME,TYPE,RO,RM,SIZE | while read -r name type ro rm size; do
		case "$type $ro $rm $name" in
		*boot[01] | *rpmb | *' ram'* | *' zram'* | *' nbd'* | *' fd'* | *' loop'*) ;;
		'disk 0 0 '*) [ "$size" = 0 ] || echo "$name" ;;
		esac
	done
}

# The node's disk for the golden node's drive $1: named by hand, of the same name, or the first that is free.
choose_disk() {
	for pair in $KA_DISKS $(word ka_disks | tr ',' ' '); do
		[ "${pair%%=*}" != "$1" ] || { echo "${pair#*=}" && return; }
	done
	disks=$(own_disks)
	for name in $1 $disks; do
		case " $(echo $disks) " in *" $name "*) ;; *) continue ;; esac
		case " $pairs " in *"=/dev/$name "*) continue ;; esac
		# one that another drive has by its own name is not free
		[ "$name" = "$1" ] || ! grep -qx "$name" "$TMPFILESDIR/drives" || continue
		echo "/dev/$name" && return
	done
}

choose_disks() {
	pairs=
	while read -r drive; do
		disk=$(choose_disk "$drive")
		[ -n "$disk" ] || fail "The golden node's $drive needs a disk of this machine's; there is none (left)." \
			"Its disks: $(own_disks | tr '\n' ' ')"
		[ -b "$disk" ] || fail "$disk, which is to become the golden node's $drive, is no disk of this machine."
		case " $pairs " in *"=$disk "*) fail "$disk cannot become two drives." ;; esac
		pairs="$pairs $drive=$disk"
		echo " - $drive becomes $disk, $(lsblk -dno SIZE,MODEL "$disk" | tr -s ' ')"
	done <"$TMPFILESDIR/drives"
}

# The node's name for the golden node's device $1: /dev/sda5 -> /dev/nvme0n1p5.
own_device() {
	for pair in $pairs; do
		drive=/dev/${pair%%=*} disk=${pair#*=}
		case $1 in
		"$drive") echo "$disk" && return ;;
		"$drive"p[0-9]* | "$drive"[0-9]*)
			number=${1#"$drive"}
			number=${number#p}
			case $disk in *[0-9]) echo "${disk}p$number" ;; *) echo "$disk$number" ;; esac
			return
			;;
		esac
	done
}

# ---- the steps

receive_information() {
	rm -rf "$TMPFILESDIR"
	mkdir -p -m 700 "$TMPFILESDIR"
	echo "Receiving partitions information..."
	receive "tar -x -f - -C $TMPFILESDIR" || fail "No partitions information came from a golden node."
	[ -s "$TMPFILESDIR/drives" ] && [ -s "$TMPFILESDIR/streams" ] || fail "What came is no partitions information."
	[ ! -s "$TMPFILESDIR/conf" ] || . "$TMPFILESDIR/conf"
	echo "Receiving partitions information...OK"
}

start_log_server() {
	[ -s "$TMPFILESDIR/key" ] || return 0
	echo "Starting log server.."
	send_status -k "$TMPFILESDIR/key" -p "$STATUS_PORT" -f "$LOG" >/dev/null 2>&1 &
	echo $! >/tmp/ka_send_status
}

make_disks() {
	choose_disks
	report "partitioning$pairs"
	mkdir -p "$CHROOT" "$PLANDIR"
	echo "Cleaning hard drive..."
	set --
	for pair in $pairs; do set -- "$@" --disk "$pair"; done
	[ ! -s "$TMPFILESDIR/used" ] || set -- "$@" --used "$TMPFILESDIR/used"
	[ ! -s "$TMPFILESDIR/fstab" ] || set -- "$@" --fstab "$TMPFILESDIR/fstab"
	clone-plan apply "$TMPFILESDIR"/desc.* "$@" --target "$CHROOT" --out "$PLANDIR" 2>/tmp/ka_plan.said
	status=$?
	cat /tmp/ka_plan.said
	[ $status = 0 ] || fail "The disks cannot be made: $(tr '\n' ' ' </tmp/ka_plan.said)"
	echo "++++++++++++++++++++++++++"
	grep " $CHROOT" /proc/mounts
	echo "++++++++++++++++++++++++++"
}

# tar writes access lists with names, whatever it is told: here they mean what they mean on the golden node.
learn_names() {
	for file in passwd group; do
		[ -s "$TMPFILESDIR/$file" ] || continue
		awk -F: 'NR == FNR { known[$1] = 1; next } !($1 in known)' "/etc/$file" \
			"$TMPFILESDIR/$file" >/tmp/ka_names
		cat /tmp/ka_names >>"/etc/$file"
	done
}

copy_linux() {
	learn_names
	report "copying"
	echo "Linux copy is about to start"
	receive "cd $CHROOT && tar --extract --read-full-records --same-permissions --numeric-owner --sparse --acls \
--xattrs --xattrs-include='*' --file -" || fail "The Linux copy failed: $(tail -n 3 "$LOG" | tr '\n' ' ')"
	printf 'Syncing disks...'
	sync
	echo "OK"
	echo "Linux copy done."
	if [ -s "$TMPFILESDIR/excluded.tar" ]; then
		echo "Creating excluded directories"
		tar --extract --same-permissions --numeric-owner --acls --xattrs --xattrs-include='*' -C "$CHROOT" \
			--file "$TMPFILESDIR/excluded.tar" || fail "The excluded directories cannot be made."
	fi
	if [ -s "$TMPFILESDIR/sockets" ]; then
		send_status -S "$CHROOT" <"$TMPFILESDIR/sockets" || echo "Some sockets cannot be made."
	fi
}

# What nobody can read as files. Where there are zeros nothing is written, so zeros have to be there.
copy_raw() {
	device=$(own_device "$1")
	[ -n "$device" ] && [ -b "$device" ] || fail "$1 has no place on this machine's disks."
	report "copying $1"
	blkdiscard --force --zeroout "$device" || fail "$device cannot be written to."
	receive "dd of=$device bs=64K iflag=fullblock conv=sparse,fsync,nocreat,notrunc" || fail "The copy of $1 failed."
}

write_mbrs() {
	for file in "$TMPFILESDIR"/MBR*; do
		[ -s "$file" ] || continue
		disk=$(own_device "/dev/${file##*/MBR}")
		[ -n "$disk" ] || continue
		echo " - Writing the master boot record of $disk"
		dd if="$file" of="$disk" bs=446 count=1 conv=notrunc,fsync 2>/dev/null || fail "$disk: the MBR cannot be written."
	done
}

prepare() {
	report "preparing"
	loader=grub
	[ ! -s "$TMPFILESDIR/bootloader" ] || loader=$(cat "$TMPFILESDIR/bootloader")
	echo " - bootloader is $loader"
	prepare_node.sh "$loader" || fail "The node cannot be prepared: $(tail -n 3 "$LOG" | tr '\n' ' ')"
	for pair in $pairs; do bootable_flag.sh "${pair#*=}"; done
	write_mbrs
}

finish() {
	sync
	if [ -d "$CHROOT/var/log" ]; then
		cp "$LOG" "$CHROOT/var/log/ka_replication.log"
		sync
	fi
	clone-plan release --target "$CHROOT" || fail "The file systems cannot be unmounted."
	if [ -s "$TMPFILESDIR/delay" ]; then
		sleep 1
		receive "cat >/dev/null" || :
	fi
	report "DONE"
	echo "This node is a clone now."
}

main() {
	echo "------| Ka |---- Install starting..."
	receive_information
	start_log_server
	make_disks
	while read -r stream <&3; do
		case $stream in
		linux) copy_linux 3<&- ;;
		/dev/*) copy_raw "$stream" 3<&- ;;
		esac
	done 3<"$TMPFILESDIR/streams"
	prepare
	finish
}

countdown() {
	left=$1
	while [ "$left" -gt 0 ]; do
		printf '\r%s in %d s ' "$2" "$left"
		sleep 1
		left=$((left - 1))
	done
	echo
}

# What the policy $1 says; a shell is what init goes on with.
follow() {
	case $1 in
	reboot) countdown "$2" "Rebooting" && sync && reboot -f ;;
	poweroff) countdown "$2" "Switching off" && sync && poweroff -f ;;
	esac
}

rm -f "$WHY"
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd 2>/dev/null
: >"$LOG"
(main) 2>&1 | tee -a "$LOG"
[ ! -s "$TMPFILESDIR/conf" ] || . "$TMPFILESDIR/conf"
store_log.sh || :
status=0
if [ -s "$WHY" ]; then
	status=1
	echo "This machine is NO clone: $(cat "$WHY")"
	follow "$ONFAIL" "$FAIL_COUNTDOWN"
else
	follow "$ONDONE" "$REBOOT_COUNTDOWN"
fi
if [ "$ONFAIL$ONDONE" = exitexit ] && [ -s /tmp/ka_send_status ]; then kill "$(cat /tmp/ka_send_status)" 2>/dev/null; fi
exit $status
