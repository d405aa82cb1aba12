/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main for fuzz targets where no fuzzer is linked: feeds each file named on the command line, and
 * each file in a directory named there, to the target once. So findings stay found.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, INPUT_BYTES_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);
    size_t size;

    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size = fread(bytes, 1, INPUT_BYTES_MAX, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    char name[PATH_BYTES];
    struct dirent *entry;
    int count = 0;

    if (directory == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            count += replay_file(name);
        }
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            count += replay_directory(argv[i]);
        } else {
            count += replay_file(argv[i]);
        }
    }
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
