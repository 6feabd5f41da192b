/* keyring.h - a list of public keys as text -> who is trusted, and how many of them must have signed. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRUST_KEYRING_H
#define TRUST_KEYRING_H

#include "trust/ssh.h"

#define KEY_ID 8 /* bytes of the number that signify and minisign know a key by */

/* One key; those of ssh have no number. */
struct trusted {
	struct ssh_key key;
	bool has_id;
	uint8_t id[KEY_ID];
};

/* Who is trusted. {0} is nobody; keyring_free. */
struct keyring {
	struct trusted *key;
	size_t count;
	int64_t need;     /* so many of them must have signed, at least 1 */
	int64_t minimum;  /* no older version is good enough; 0: all are */
	struct buf words; /* what a command line may have besides, patterns with blanks between them (trust/words.h) */
};

/* Adds the key in the LEN characters TEXT: the line of a signify or minisign public key (56 of base64), or one of ssh,
 * "ssh-ed25519 AAAA... comment" or AAAA... alone. 0; -EBADMSG: none of these; -EINVAL: a key that proves nothing
 * (ed25519_check_key); -ENOMEM. One that is there already is not added again. */
int keyring_add(struct keyring *k, const char *text, size_t len) must_check;

/* Adds the LEN bytes TEXT of a key file: keys, one a line, "need N", "minimum N", "words ..."; empty lines, those that
 * begin with # or "untrusted comment:" say nothing. 0, or -errno with the reason in WHY ("line 3: ..."): -EBADMSG, or
 * -EINVAL where fewer keys are there than are needed. */
int keyring_parse(struct keyring *k, const char *text, size_t len, struct buf *why) must_check;

/* Adds what verify: of automatic= says: keys, need=N, minimum=N, the word required, with colons between. Where SEALED
 * is set the keys are fixed already: others are no use, and need= and minimum= can only become more. 0 or -errno with
 * WHY as above. */
int keyring_add_line(struct keyring *k, const char *value, bool sealed, struct buf *why) must_check;

/* Gives its memory back; K is nobody then. */
void keyring_free(struct keyring *k);

#endif
