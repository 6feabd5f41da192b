/* config.c - a site -> the configuration of the web server, of dolly and of the NFS server. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/config.h"

#include "net/address.h"

#define AUTO_MOST 4000 /* dolly takes so many nodes */

void config_nginx(const struct site *site, const char *user, struct buf *out)
{
	char address[ADDRESS_TEXT_SIZE];
	const char *s = site->state;

	buf_str(out, "# made by head-node: changes are lost\n");
	buf_printf(out, "daemon off;\nuser %s;\nworker_processes auto;\npid %s/run/nginx.own;\n", user, s);
	buf_str(out, "error_log stderr;\nworker_rlimit_nofile 16384;\nevents {\n    worker_connections 4096;\n}\n");
	buf_str(out, "http {\n");
	buf_printf(out, "    access_log %s/log/http.log;\n", s);
	for (unsigned i = 0; i < 5; i++) {
		static const char *const temp[] = { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" };

		buf_printf(out, "    %s_temp_path %s/nginx/%s;\n", temp[i], s, temp[i]);
	}
	buf_str(out, "    default_type application/octet-stream;\n    sendfile on;\n    sendfile_max_chunk 1m;\n"
		     "    tcp_nopush on;\n    server_tokens off;\n    client_max_body_size 64k;\n"
		     "    reset_timedout_connection on;\n    send_timeout 120s;\n");
	buf_printf(out, "    server {\n        listen %s:%u backlog=1024;\n        root %s/www;\n",
		   address_text(site->address, address), site->http_port, s);
	buf_str(out, "    }\n}\n");
}

void config_dolly(const struct site *site, const char *image, struct buf *out)
{
	char address[ADDRESS_TEXT_SIZE];

	buf_printf(out, "infile %s\noutfile /dev/ram3\nserver %s\nclients auto %u\nendconfig\n", image,
		   address_text(site->address, address), site->nodes ? site->nodes : AUTO_MOST);
}

void config_ganesha(const struct site *site, struct buf *out)
{
	char address[ADDRESS_TEXT_SIZE];
	const char *s = site->state;

	buf_printf(out,
		   "NFS_CORE_PARAM { Protocols = 4; NFS_Port = 2049; Bind_addr = %s;\n"
		   "                 Enable_NLM = false; Enable_RQUOTA = false; }\n"
		   "NFSV4 { Grace_Period = 5; Lease_Lifetime = 10; RecoveryRoot = \"%s/run\"; Only_Numeric_Owners = "
		   "true; }\n"
		   "EXPORT { Export_Id = 1; Path = \"%s/images\"; Pseudo = /images; Access_Type = RO; SecType = sys;\n"
		   "         Squash = Root_Squash; Protocols = 4; Transports = TCP; FSAL { Name = VFS; } }\n",
		   address_text(site->address, address), s, s);
}
