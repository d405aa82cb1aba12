/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and the topics in them have two spellings: as a path, and as a name that every Kafka
 * client lets through.
 *
 *     stream   /ads/clicks                 ads.clicks
 *     topic    /ads/clicks:impressions     ads.clicks..impressions
 *
 * Parts of a path are made of [A-Za-z0-9_-]; the topic behind the colon may have single dots
 * inside. A second ".." is kept for qualifiers (views of other regions). Thread: any.
 */
#ifndef GYRE_ACCESS_STREAM_NAME_H
#define GYRE_ACCESS_STREAM_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"

enum { STREAM_NAME_BYTES_MAX = 200, STREAM_TOPIC_BYTES_MAX = 249 };

/* Room for the other spelling of any name here. */
struct stream_name_text {
    char bytes[STREAM_TOPIC_BYTES_MAX + 1];
};

/* "/ads/clicks" of either spelling of a stream, in `text`; null: it is none. */
struct string stream_name_path(struct string name, struct stream_name_text *text);

/* The legal spelling of a topic's name: the name itself, or in `text` where it is a path. What is
 * no name stays as it is. */
struct string stream_name_legal(struct string topic, struct stream_name_text *text);

/* The beginning of a topic's name likewise: "/ads/cl" is "ads.cl", "/ads/clicks:" "ads.clicks..".
 */
struct string stream_name_legal_prefix(struct string prefix, struct stream_name_text *text);

/* "ads.clicks" of "ads.clicks..impressions": what a name in legal spelling lies in. Null: in none.
 */
struct string stream_name_of_topic(struct string legal_topic);

/* Is it the legal spelling of a topic inside of a stream, without a qualifier? */
bool stream_name_is_topic(struct string legal_topic);

#endif
