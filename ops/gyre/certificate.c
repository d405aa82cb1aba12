/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include <stdio.h>
#include <unistd.h>

#include "pki_directory.h"

bool certificate_make_authority(const char *dir, const char *common_name, int days)
{
    char path[CERTIFICATE_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/ca.crt", dir);
    return access(path, R_OK) == 0 || pki_directory_create(dir, common_name, days);
}

bool certificate_issue(const char *dir, const struct certificate_options *options)
{
    int64_t end_s = (int64_t)options->days * PKI_DAY_S;
    struct pki_request request = {
        .purpose = options->hosts == NULL ? PKI_CLIENT : PKI_BROKER,
        .common_name = options->common_name,
        .alt_names = {options->hosts},
        .alt_name_count = options->hosts == NULL ? 0 : 1,
        .valid_from_s = options->days < 0 ? end_s - PKI_DAY_S : -PKI_BACKDATE_S,
        .valid_to_s = end_s,
    };
    struct pki_directory directory;
    bool is_made;

    if (!pki_directory_open(&directory, dir, true)) {
        return false;
    }
    is_made = pki_directory_issue(&directory, options->name, &request, true);
    pki_directory_close(&directory);
    return is_made;
}
