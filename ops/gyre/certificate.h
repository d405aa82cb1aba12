/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for `gyre dev`, by pki_directory.h: an authority of one's own, and certificates from
 * it for brokers and clients. P-256 keys, SHA-256, X.509 v3; files are PEM, those with keys have
 * mode 0600.
 */
#ifndef GYRE_OPS_CERTIFICATE_H
#define GYRE_OPS_CERTIFICATE_H

#include <stdbool.h>

/* A directory with ca.crt and ca.key. */
enum { CERTIFICATE_PATH_MAX = 3072 };

struct certificate_options {
    const char *name;        /* of its files: NAME.crt, NAME.key, and NAME.pem with both */
    const char *common_name; /* the subject is CN=... alone */
    const char *hosts;       /* "DNS:localhost,IP:127.0.0.1" of a server; NULL: none */
    int days;                /* how long it is valid; less than 0: it has expired already */
};

/* Make an authority unless there is one. False: the reason was printed. */
bool certificate_make_authority(const char *dir, const char *common_name, int days);

/* Make a key and have the directory's authority sign for it: with hosts for a broker, which dials
 * too, else for a client alone. */
bool certificate_issue(const char *dir, const struct certificate_options *options);

#endif
