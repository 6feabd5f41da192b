#!/bin/sh
# store_log.sh - this node's logs -> the head node, by HTTP PUT or FTP.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# store_log.sh [URL]    http://HOST[:PORT]/FOLDER/ or ftp://HOST[:PORT]/FOLDER/; silent: LOG_URL of replication.conf,
#                       and nothing where that is silent, too
set -u
case ${1-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--version) echo "store_log.sh (stage1 0.1)"; exit 0 ;;
esac
. "$(dirname -- "$0")/replication.conf"
url=${1:-$LOG_URL}
[ -n "$url" ] || exit 0
kind=${url%%://*}
rest=${url#*://}
host=${rest%%/*}
folder=/${rest#"$host"}
folder=/${folder##/}
folder=${folder%/}
port=${host##*:}
[ "$port" != "$host" ] || port=
host=${host%:*}

# One file by HTTP: the server's first line has to be a 2xx.
put() {
	reply=$({
		printf 'PUT %s/%s HTTP/1.0\r\nHost: %s\r\nContent-Length: %s\r\n\r\n' "$folder" "${1##*/}" "$host" "$(wc -c <"$1")"
		cat "$1"
	} | timeout 60 busybox nc "$host" "${port:-80}" | head -n 1)
	case $reply in
	HTTP/1.?' '2??*) ;;
	*) echo "store_log.sh: $url: ${reply:-no answer}" >&2 && return 1 ;;
	esac
}

status=0
for log in /tmp/ka_log*; do
	[ -s "$log" ] || continue
	case $kind in
	http) put "$log" ;;
	ftp) timeout 60 busybox ftpput ${port:+-P "$port"} "$host" "$folder/${log##*/}" "$log" ;;
	*) echo "store_log.sh: $url: http:// and ftp:// are known" >&2 && false ;;
	esac || status=1
done
exit $status
