/* SPDX-License-Identifier: Apache-2.0 */
#include "suspects.h"

static const uint64_t FORGOTTEN_AFTER_US = 1000 * 1000;

static uint32_t *failures_of(struct suspects *suspects, uint64_t address, uint64_t now_us)
{
    uint64_t *since_us = &suspects->places[address % SUSPECTS_PLACES].since_us;
    uint32_t *failures = &suspects->places[address % SUSPECTS_PLACES].failures;
    uint64_t forgotten = (now_us - *since_us) / FORGOTTEN_AFTER_US;

    *failures = forgotten >= *failures ? 0 : *failures - (uint32_t)forgotten;
    *since_us = *failures == 0 ? now_us : *since_us + forgotten * FORGOTTEN_AFTER_US;
    return failures;
}

void suspects_count(struct suspects *suspects, uint64_t address, uint64_t now_us)
{
    uint32_t *failures;

    if (address == 0) {
        return;
    }
    failures = failures_of(suspects, address, now_us);
    *failures += *failures < SUSPECTS_FAILURES_KEPT ? 1 : 0;
}

bool suspects_have(struct suspects *suspects, uint64_t address, uint64_t now_us)
{
    return address != 0 && *failures_of(suspects, address, now_us) > SUSPECTS_FAILURES;
}
