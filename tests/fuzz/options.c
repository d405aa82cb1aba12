/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults of fuzz targets; the command line and $ASAN_OPTIONS still have the last word. All
 * are for speed, none makes a fault harder to notice:
 *
 * - Each input is a world of its own, so memory that was freed need not stay poisoned for long.
 * - Who took memory is told by one frame: the input that failed tells the rest when it is run
 *   again with ASAN_OPTIONS=malloc_context_size=30.
 * - Memory that is free stays with the process, which soon takes it again.
 * - To count how rare each feature is takes half of the time where an input has some thousands.
 */
#include <stdlib.h>
#include <string.h>

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *count, char ***arguments);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=1:allocator_release_to_os_interval_ms=-1";
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static char rarity[] = "-entropic=0";
    size_t given = (size_t)*count;
    char **all = calloc(given + 2, sizeof *all);

    if (all == NULL || given == 0) {
        abort();
    }
    all[0] = (*arguments)[0];
    all[1] = rarity;
    memcpy(all + 2, *arguments + 1, (given - 1) * sizeof *all);
    *arguments = all;
    *count += 1;
    return 0;
}
