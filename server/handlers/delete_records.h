/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GYRE_HANDLERS_DELETE_RECORDS_H
#define GYRE_HANDLERS_DELETE_RECORDS_H

struct request;

void delete_records_handle(struct request *request);

#endif
