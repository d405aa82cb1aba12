/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for OpenSSL in fuzz targets, many times as fast as the address sanitizer's: a handshake
 * takes some thousand pieces. What lies around a piece, and what was given back, is still poisoned.
 */
#ifndef GYRE_TESTS_FUZZ_OPENSSL_MEMORY_H
#define GYRE_TESTS_FUZZ_OPENSSL_MEMORY_H

/* Before anything else is asked of OpenSSL. One thread. */
void openssl_memory_use(void);

/* Ends the process if the pieces that are out grow from call to call without end. */
void openssl_memory_check(void);

#endif
