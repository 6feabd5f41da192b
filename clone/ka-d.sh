#!/bin/sh
# ka-d.sh - this machine, as it runs, and how its disks are laid out -> any number of nodes that become its clones.
# SPDX-License-Identifier: GPL-2.0-or-later
set -u
usage() {
	cat <<-'END'
		usage: ka-d.sh [OPTION]...
		-h, --help : display this message
		-n num : specify the number of (destination) nodes
		-x dir : exclude directory
		-X sdb : exclude sdb for the replication ('sdb|sdc': both)
		-m drive : copy the master boot record (for windows) of this drive
		-M drive file : use 'file' as master boot record (must be 446 bytes long) for the specified drive
		-D partition : also copy partition 'partition'
		-p drive pdesc : use 'pdesc' file as partition scheme (see doc) for the specified drive
		-d delay : delay beteween the release of 2 clients (1/10 second)
		-r 'grub|lilo' : choose the bootloader (you can add mkinitrd options)
		--dry-run : show what would be sent and what the disks would become; send nothing
		ie: ka-d.sh -n 3 -p sda /tmp/desc -X sdb -r 'grub --with=ata_piix --with=piix'
		Exit status: 0 every node is a clone; 2 some are; 1 none is, or wrong usage.
	END
}

KADIR=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export KADIR
. "$KADIR/replication.conf"
[ ! -r "$OWN_CONF" ] || . "$OWN_CONF"
STAGE2=${STAGE2:-$(dirname -- "$KADIR")} # what the rescue system is mounted at: /mnt/ka

die() { echo "ka-d.sh: $*" >&2; exit 1; }

# ---- options

nodes=1 excludes='' exclude_drives='' raw='' delay='' loader='' dry_run=''
takembr='' mbr_files='' descs=''

# A drive's name: sda of /dev/sda.
drive_name() { echo "${1#/dev/}"; }

need() { [ "$1" -ge "$2" ] || { usage >&2; exit 1; }; }

number() {
	case $2 in '' | *[!0-9]*) die "$1 wants a number, not '$2'" ;; esac
}

# Lists are lines: a name may have blanks in it.
NL='
'
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage && exit 0 ;;
	--version) echo "ka-d.sh (stage1 0.1)" && exit 0 ;;
	--dry-run) dry_run=1 ;;
	-n) need $# 2 && number -n "$2" && nodes=$2 && shift ;;
	-d) need $# 2 && number -d "$2" && delay=$2 && shift ;;
	-x) need $# 2 && excludes="$excludes${2%/}$NL" && shift ;;
	-X) need $# 2 && exclude_drives=$2 && shift ;;
	-r) need $# 2 && loader=$2 && shift ;;
	-D) need $# 2 && raw="$raw/dev/$(drive_name "$2")$NL" && shift ;;
	-m) need $# 2 && takembr="$takembr$(drive_name "$2")$NL" && shift ;;
	-M) need $# 3 && mbr_files="$mbr_files$(drive_name "$2") $3$NL" && shift 2 ;;
	-p) need $# 3 && descs="$descs$(drive_name "$2") $3$NL" && shift 2 ;;
	*) usage >&2 && exit 1 ;;
	esac
	shift
done
[ "$nodes" -gt 0 ] || die "-n wants at least one node"
case ${loader%% *} in '' | grub | lilo | none) ;; *) die "-r '$loader': the boot loader is grub or lilo" ;; esac
printf '%s' "$descs" | while read -r drive file; do [ -r "$file" ] || die "$file: cannot be read"; done || exit 1
printf '%s' "$mbr_files" | while read -r drive file; do
	[ "$(wc -c <"$file" 2>/dev/null)" = 446 ] || die "$file: a master boot record has 446 bytes"
done || exit 1
printf '%s' "$excludes" | while read -r folder; do
	case $folder in /*) ;; *) die "-x $folder: a folder from / is wanted" ;; esac
done || exit 1
[ -x "$KADIR/ka-d-server" ] || die "$KADIR/ka-d-server is missing: mount the rescue system," \
	"mount -o loop -t squashfs rescue.sqfs /mnt/ka, and run /mnt/ka/ka/ka-d.sh"
if [ "$(id -u)" != 0 ]; then
	echo "ka-d.sh: not root: not everything can be read" >&2
	sleep 3
fi

echo "takembr = $(echo $takembr)"
printf 'desc = %s\n' "${descs%"$NL"}"

# ---- what there is here

dir=$(mktemp -d "${TMPDIR:-/tmp}/ka-d.XXXXXX") || exit 1
info=$dir/info # what kainstall1 carries
mkdir -p "$info" "$dir/log"
collector='' server=''
clean_up() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$collector" ] || kill "$collector" 2>/dev/null
	[ "$(cat "$RUNDIR/pid" 2>/dev/null)" != $$ ] || rm -rf "$RUNDIR"
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# The device that the first field of a line of fstab names; nothing where it is none.
device_of() {
	case $1 in
	UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*)
		readlink -f "$(blkid -o device -t "$(echo "$1" | tr -d '"')" | head -n 1)"
		;;
	/dev/mapper/* | /dev/disk/* | /dev/[!/]*/*) readlink -e "$1" ;;
	/dev/*) echo "$1" ;;
	esac
}

# The drives below a device, through arrays, containers and volume groups, one a line.
drives_of() {
	lsblk -srno NAME,TYPE "$1" 2>/dev/null | awk '$2 == "disk" || $2 == "loop" { print $1 }' | sort -u
}

# pfstab: fstab with the devices that its identifiers mean; of what lies on a disk only.
while read -r spec point type options rest; do
	case "$spec $point $type" in '#'* | '  ' | *cdrom* | *' nfs' | *' nfs4') continue ;; esac
	case $type in swap | ext[234] | xfs | btrfs | vfat | jfs | reiserfs | f2fs) ;; *) continue ;; esac
	device=$(device_of "$spec")
	[ -b "$device" ] || { echo "   $spec $point: no such device here, left out" >&2 && continue; }
	if [ -n "$exclude_drives" ]; then
		drives_of "$device" | grep -qxE "$exclude_drives" && continue
		echo "$device" | grep -qE "^/dev/($exclude_drives)" && continue
	fi
	echo "$device $point $type $options ${rest:-0 0}"
done </etc/fstab >"$info/pfstab"
cp /etc/fstab "$info/fstab"
cp /etc/passwd /etc/group "$info"
echo " + Mount points :"
awk '{ print "   " $1 " " $2 " " $3 }' "$info/pfstab"
grep -q ' / ' "$info/pfstab" || die "/etc/fstab does not say on which disk / is"

while read -r device _; do drives_of "$device"; done <"$info/pfstab" | sort -u >"$info/drives.found"
printf '%s' "$descs" | while read -r drive _; do
	grep -qx "$drive" "$info/drives.found" || echo "$drive"
done | cat "$info/drives.found" - >"$info/drives"
rm "$info/drives.found"
[ -s "$info/drives" ] || die "no drive holds what /etc/fstab mounts"
echo " + Hard drives : $(tr '\n' ' ' <"$info/drives")"

# ---- desc files: the seeds' lines get what this machine knows of the partition with that number

# The words behind a line of the seeds' grammar for the device $1.
words_of() {
	line=$(grep "^$1 " "$info/pfstab") || return 0
	set -- $line
	words="fs=$3"
	[ "$3" = swap ] || words="$words mount=$2 options=$4"
	label=$(blkid -o value -s LABEL "$1" | sed 's/\\/\\134/g; s/ /\\040/g')
	uuid=$(blkid -o value -s UUID "$1")
	partuuid=$(blkid -o value -s PARTUUID "$1")
	echo "$words${label:+ label=$label}${uuid:+ uuid=$uuid}${partuuid:+ partuuid=$partuuid}"
}

# A desc file of drive $1 with a line "disk", and what is mounted where.
complete_desc() {
	if grep -qE '^[ \t]*disk[ \t]' "$2"; then
		cat "$2"
		return
	fi
	table=mbr
	if [ "$(blkid -o value -s PTTYPE "/dev/$1")" = gpt ] && ! grep -qE '^[ \t]*(extended|logical)' "$2"; then
		table=gpt
	fi
	echo "disk $1 $table"
	primary=0 logical=4
	while read -r line; do
		case $line in
		'' | '#'*) continue ;;
		logical[\ \	]*) logical=$((logical + 1)) number=$logical ;;
		*) primary=$((primary + 1)) number=$primary ;;
		esac
		case $1 in *[0-9]) device=/dev/${1}p$number ;; *) device=/dev/$1$number ;; esac
		case $line in *=*) echo "$line" && continue ;; esac
		words=$(words_of "$device")
		echo "$line${words:+ $words}"
		[ -z "$words" ] || echo "$device" >>"$dir/placed"
	done <"$2"
}

: >"$dir/placed"
printf '%s' "$descs" >"$dir/descs"
while read -r drive file; do
	echo " + Reading partition table description for $drive"
	complete_desc "$drive" "$file" >"$info/desc.$drive"
	clone-plan check "$info/desc.$drive" >"$dir/said" 2>&1 || { cat "$dir/said" >&2; exit 1; }
	sed 's/^ */    /' "$dir/said"
done <"$dir/descs"
# The others as they are.
set --
while read -r drive; do
	[ -e "$info/desc.$drive" ] || set -- "$@" "$drive"
done <"$info/drives"
if [ $# -gt 0 ]; then
	echo " + Reading the partition table of $*"
	fdisk_to_desc -o "$info/desc.live" "$@" >"$dir/said" 2>&1 ||
		{ cat "$dir/said" >&2; die "the disks cannot be described"; }
fi
# A file system that the desc has no place for would be lost without a word.
while read -r device point _; do
	[ $# -eq 0 ] || break
	grep -qx "$device" "$dir/placed" || grep -qE "(mount=$point|fs=swap)( |\$)" "$info"/desc.* ||
		die "$device $point: the desc files have no place for it"
done <"$info/pfstab"

# ---- what is sent

{
	echo linux
	printf '%s' "$raw"
} >"$info/streams"
printf '%s' "$raw" | while read -r partition; do
	[ -b "$partition" ] || die "-D $partition: no such device"
done || exit 1

points=$(awk '$2 ~ /^\// { print $2 }' "$info/pfstab" | sort -u)
echo " + Included mount points : $(echo $points)"
# What every mount point holds, in bytes, for the plan.
for point in $points; do
	echo "$(($(df -P -k "$point" | awk 'NR == 2 { print $3 }') * 1024)) $point"
done >"$info/used"
for drive in $takembr; do
	dd if="/dev/$drive" of="$info/MBR$drive" bs=446 count=1 2>/dev/null || die "/dev/$drive: its MBR cannot be read"
done
printf '%s' "$mbr_files" >"$dir/mbrs"
while read -r drive file; do cp "$file" "$info/MBR$drive"; done <"$dir/mbrs"
[ -z "$delay" ] || [ "$delay" = 0 ] || echo "$delay" >"$info/delay"
if [ -n "$loader" ]; then
	echo "$loader" >"$info/bootloader"
	echo " + Bootloader is: $loader"
fi
[ ! -r "$OWN_CONF" ] || cp "$OWN_CONF" "$info/conf"
hostname -I 2>/dev/null | tr ' ' '\n' | grep -E '^[0-9.]+$' >"$info/golden"
[ -s "$info/golden" ] || ip -4 -o addr show scope global | sed -n 's,.* inet \([0-9.]*\)/.*,\1,p' >"$info/golden"

# Paths as tar has them: ./var. What is not to go along: caches of this kit, what -x says.
quote() { printf "'%s'" "$(echo "$1" | sed "s/'/'\\\\''/g")"; }
members=
for point in $points; do members="$members $(quote ".${point%/}")"; done
members=$(echo "$members" | sed "s,'\.','./',")
omitted=" --exclude=$(quote ".$dir") --exclude=$(quote ".$RUNDIR")"
stage2_omitted=
printf '%s' "$excludes" >"$dir/excludes"
: >"$dir/kept"
while read -r folder; do
	omitted="$omitted --exclude=$(quote ".$folder")"
	stage2_omitted="$stage2_omitted --exclude=$(quote ".$folder")"
	[ -d "$folder" ] && echo ".$folder" >>"$dir/kept" || echo "   -x $folder: there is no such folder" >&2
done <"$dir/excludes"
more="--acls --xattrs --xattrs-include='*'"
tar $(echo "$more" | tr -d "'") --create --file /dev/null --files-from /dev/null 2>/dev/null || more=
(cd / && eval "tar --create --no-recursion $more --file $info/excluded.tar --files-from $dir/kept") 2>/dev/null || :
# shellcheck disable=SC2086 # folders without blanks
find $points -xdev -type s -exec stat -c '%a %u %g %n' {} + 2>/dev/null | grep -vE ' /(run|tmp|proc|sys|dev)/' |
	head -n 10000 >"$info/sockets"

if [ -n "$dry_run" ]; then
	total=$(awk '{ sum += $1 } END { printf "%d", sum / 1048576 }' "$info/used")
	echo "+++ Dry run: nothing is sent +++"
	echo "Each of $nodes nodes would get the rescue system ($(du -sm "$STAGE2" | cut -f1) MiB) and about $total MiB of files"
	printf '%s' "$raw" | while read -r partition; do
		echo "and $partition, $(blockdev --getsize64 "$partition") bytes"
	done
	for file in "$info"/desc.*; do
		echo "--- ${file##*/}"
		cat "$file"
	done
	set --
	while read -r drive; do set -- "$@" --disk "$drive=/dev/$drive"; done <"$info/drives"
	echo "--- on disks like those of this machine"
	clone-plan plan "$info"/desc.* "$@" --used "$info/used" --fstab "$info/fstab"
	exit
fi

# ---- the session's key, and who gathers what nodes report

mkdir -p "$RUNDIR" && chmod 700 "$RUNDIR" || die "$RUNDIR cannot be made"
if [ -s "$RUNDIR/pid" ] && kill -0 "$(cat "$RUNDIR/pid")" 2>/dev/null; then
	die "another one runs here (process $(cat "$RUNDIR/pid"))"
fi
echo $$ >"$RUNDIR/pid"
(umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$RUNDIR/key")
cp "$RUNDIR/key" "$info/key"
reports=$RUNDIR/reports
: >"$reports"
status_node -k "$RUNDIR/key" -p "$STATUS_PORT" -l "$reports" &
collector=$!

# ---- sessions

# Who has failed, by its own last word; who is done.
last_words() { awk '{ last[$1] = $0 } END { for (node in last) print last[node] }' "$reports"; }
failed_nodes() { last_words | sed -n 's/^\([0-9.]*\) FAILED.*/\1/p'; }
done_nodes() { last_words | sed -n 's/^\([0-9.]*\) DONE$/\1/p'; }
count_lines() { grep -c . || :; }

# One session for $2 nodes of what the command $3 prints; further words are options. 0 all, 2 some, 1 none have it.
session() {
	name=$1 wanted=$2 command=$3
	shift 3
	log=$dir/log/$name
	ka-d-server -s "$name" -n "$wanted" "$@" -e "$command" 2>"$log.fifo" &
	server=$!
	tee "$log" <"$log.fifo" &
	copier=$!
	wait "$server"
	status=$?
	server=
	wait "$copier"
	rm -f "$log.fifo"
	return $status
}

# The same, and what a node that fails before it joins means is not waited for.
run_session() {
	mkfifo "$dir/log/$1.fifo"
	(
		# those that have said that they fail will not come; when all others are there, it begins
		while sleep 1; do
			gone=$(failed_nodes | count_lines)
			there=$(grep -c '^Client accepts data' "$dir/log/$1" 2>/dev/null)
			[ "$gone" -gt "$failed_before" ] && [ "$there" -gt 0 ] && [ $((there + gone - failed_before)) -ge "$2" ] &&
				ka-d-client -g -s "$1" >/dev/null 2>&1 && break
		done
	) &
	watcher=$!
	session "$@"
	status=$?
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	return $status
}

# How many have the session $1's stream.
completed() { grep -cE '^Node [0-9.]+[^:]*: done' "$dir/log/$1" || :; }

# The nodes of one round: they get everything, or are lost on the way. $1: how many; $2: seconds to wait for them.
round() {
	failed_before=$(failed_nodes | count_lines)
	rm -f "$dir"/log/*
	echo "+++ Sending Stage2 +++"
	# shellcheck disable=SC2086 # words
	run_session getstage2 "$1" "(cd $(quote "$STAGE2"); tar --create --one-file-system --sparse$stage2_omitted . )" \
		${2:+-t $2}
	left=$(completed getstage2)
	[ "$left" -gt 0 ] || return 1
	sed -nE 's/^Node ([0-9.]+)[^:]*: done.*/\1/p' "$dir/log/getstage2" >>"$dir/seen"
	step=1
	echo " - Sending partition/filesystem/mount points informations..."
	echo "+++ Running ka-deploy +++"
	run_session "${SESSION}1" "$left" "(cd $(quote "$info") && tar c *)" -t "$PREPARE_TIME"
	left=$(completed "${SESSION}1")
	[ "$left" -gt 0 ] || return 1
	echo "WAITING node (partition/format)"
	while read -r stream <&3; do
		step=$((step + 1))
		if [ "$stream" = linux ]; then
			echo " - Sending Linux filesystem..."
			command="(cd /; tar --create --one-file-system --sparse $more --anchored --no-wildcards$omitted$members)"
		else
			echo " - Sending partition $stream..."
			command="dd if=$(quote "$stream") bs=1M 2>/dev/null"
		fi
		echo "+++ Running ka-deploy +++"
		run_session "$SESSION$step" "$left" "$command" -t "$PREPARE_TIME" 3<&-
		left=$(completed "$SESSION$step")
		[ "$left" -gt 0 ] || return 1
	done 3<"$info/streams"
	if [ -s "$info/delay" ]; then
		step=$((step + 1))
		run_session "$SESSION$step" "$left" "echo Hello" -t "$FINISH_TIME" -d "$delay"
	fi
	wait_for_reports "$SESSION$step"
}

# Until every node that has the stream of session $1 has said how it ended.
wait_for_reports() {
	echo "WAITING node (initramfs/boot loader)"
	end=$(($(date +%s) + FINISH_TIME))
	while [ "$(date +%s)" -lt "$end" ]; do
		sed -nE 's/^Node ([0-9.]+)[^:]*: done.*/\1/p' "$dir/log/$1" | while read -r node; do
			done_nodes | grep -qxF "$node" || failed_nodes | grep -qxF "$node" || echo "$node"
		done | grep -q . || return 0
		kill -0 "$collector" 2>/dev/null || die "status_node has ended"
		sleep 1
	done
}

# Nodes that were seen and have ended in no way: they died.
lost_nodes() {
	sort -u "$dir/seen" | while read -r node; do
		done_nodes | grep -qxF "$node" || failed_nodes | grep -qxF "$node" || echo "$node"
	done
}

: >"$dir/seen"
round "$nodes" ""
lost=$(lost_nodes | count_lines)
if [ "$lost" -gt 0 ] && [ "$REJOIN_TIME" -gt 0 ]; then
	echo "WAITING $REJOIN_TIME s for $lost nodes that were lost: switched on again they begin anew"
	round "$lost" "$REJOIN_TIME"
fi

# ---- the report

echo "+++ Report +++"
sort -u "$dir/seen" | while read -r node; do
	last=$(grep -F "$node " "$reports" | tail -n 1)
	if done_nodes | grep -qxF "$node"; then
		echo "$node: a clone"
	elif failed_nodes | grep -qxF "$node"; then
		echo "$node: FAILED: ${last#* FAILED }"
	else
		last=${last#* }
		echo "$node: LOST while ${last:-it got the rescue system}"
	fi
done
clones=$(sort -u "$dir/seen" | while read -r node; do done_nodes | grep -xF "$node"; done | count_lines)
echo "$clones of $nodes nodes are clones."
[ "$clones" -gt 0 ] || exit 1
[ "$clones" -ge "$nodes" ] && exit 0
exit 2
