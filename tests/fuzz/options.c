/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address sanitizer's defaults for fuzz targets: each input is a world of its own, so memory
 * that was freed need not stay poisoned for long. $ASAN_OPTIONS still has the last word.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=6";
}
