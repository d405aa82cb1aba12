/* SPDX-License-Identifier: Apache-2.0 */
/* How a command gets in: from --command-config, --user and the environment. */
#ifndef GYRE_OPS_CLIENT_SECURITY_H
#define GYRE_OPS_CLIENT_SECURITY_H

#include <stdbool.h>

#include "gyre/client/client.h"

#include "client_properties.h"
#include "connect_options.h"
#include "secret.h"

enum { CLIENT_TOKEN_BYTES = 16 * 1024 };

struct client_security {
    struct client_properties properties;
    struct client_credentials credentials; /* points into the rest */
    struct tls_context *tls;               /* owned; NULL: plaintext */
    char user[SECRET_BYTES];
    char password[SECRET_BYTES];
    char token[CLIENT_TOKEN_BYTES];
};

/* False: a sentence was printed. Close it in either case. */
bool client_security_open(struct client_security *security,
                          const struct connect_arguments *connect);
void client_security_close(struct client_security *security);

#endif
