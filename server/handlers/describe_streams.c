/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeStreams (1000): all that the one who asks may see, or those that were named. */
#include "wire_messages/describe_streams.h"

#include "gyre/access/stream_name.h"
#include "gyre/metadata/catalog.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "handlers/stream_access.h"
#include "handlers/stream_handlers.h"

enum { NAMES_MAX = 1000 };

struct stream_survey {
    struct request *request;
    struct describe_streams_request in;
    struct describe_streams_response out;
    struct map counted;
    bool is_exhausted;
};

static void copy_properties(struct stream_survey *self, const struct catalog_stream *stream,
                            struct describe_streams_response_streams *out)
{
    if (describe_streams_response_streams_properties_array_alloc(
            &out->properties, &self->request->arena, stream->property_count) != ERROR_NONE) {
        self->is_exhausted = true;
        return;
    }
    out->properties.count = 0;
    for (int32_t i = 0; i < stream->property_count; i++) {
        const struct catalog_stream_property *property = &stream->properties[i];

        if (!stream_access_is_derived(stream, property->name)) {
            out->properties.items[out->properties.count++] =
                (struct describe_streams_response_streams_properties){property->name,
                                                                      property->value};
        }
    }
}

static void fill(struct stream_survey *self, const struct catalog_stream *stream,
                 struct describe_streams_response_streams *out)
{
    unsigned permissions = stream_access_permissions(self->request, stream->name);

    out->name = stream->name;
    out->owner = stream->owner;
    out->is_additive = stream->is_additive;
    out->permissions = (int8_t)permissions;
    out->version = (int64_t)stream->version;
    if ((permissions & 1u << STREAM_ADMIN) != 0 ||
        access_sees_cluster(self->request, ACCESS_DESCRIBE)) {
        out->produce = stream->produce;
        out->consume = stream->consume;
        out->topics = stream->topics;
        out->admin = stream->admin;
        out->copy = stream->copy;
    }
    copy_properties(self, stream, out);
}

static void add_any(void *context, const struct catalog_stream *stream)
{
    struct stream_survey *self = context;

    if (!self->is_exhausted && stream_access_sees(self->request, stream->name)) {
        fill(self, stream, &self->out.streams.items[self->out.streams.count++]);
    }
}

static void add_named(struct stream_survey *self, struct string name)
{
    const struct catalog *catalog = self->request->broker->catalog;
    struct describe_streams_response_streams *out =
        &self->out.streams.items[self->out.streams.count++];
    struct stream_name_text text;
    struct string path = stream_name_path(name, &text);
    const struct catalog_stream *stream;

    out->name = name;
    if (!stream_access_sees(self->request, path)) {
        out->error_code = KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
        return;
    }
    stream = path.bytes == NULL ? NULL : catalog_find_stream(catalog, path);
    if (stream == NULL) {
        out->error_code = KAFKA_ERROR_RESOURCE_NOT_FOUND;
        out->error_message = STRING("There is no such stream.");
        return;
    }
    fill(self, stream, out);
}

static void survey(struct stream_survey *self)
{
    const struct catalog *catalog = self->request->broker->catalog;
    int32_t count = self->in.names.count < 0 ? catalog_security_count(catalog, CATALOG_STREAM)
                                             : self->in.names.count;

    if (describe_streams_response_streams_array_alloc(&self->out.streams, &self->request->arena,
                                                      count) != ERROR_NONE) {
        self->is_exhausted = true;
        return;
    }
    self->out.streams.count = 0;
    if (self->in.names.count < 0) {
        catalog_for_each_stream(catalog, add_any, self);
    }
    for (int32_t i = 0; i < self->in.names.count && !self->is_exhausted; i++) {
        add_named(self, self->in.names.items[i]);
    }
}

/* ---- topics, counted in one walk ---- */

struct counted_stream {
    struct map_link by_name;
    struct describe_streams_response_streams *out;
};

static void count_topic(void *context, const struct catalog_topic *topic)
{
    struct stream_survey *self = context;
    const struct catalog_stream *stream =
        catalog_find_stream_around(self->request->broker->catalog, topic->name);

    if (stream == NULL) {
        return;
    }
    map_for_each_match(link, &self->counted, string_hash(stream->name)) {
        struct counted_stream *counted = CONTAINER_OF(link, struct counted_stream, by_name);

        if (string_equal(counted->out->name, stream->name)) {
            counted->out->topic_count++;
        }
    }
}

static void count_topics(struct stream_survey *self)
{
    int32_t count = self->out.streams.count;
    struct counted_stream *streams =
        arena_alloc_array(&self->request->arena, (size_t)count + 1, sizeof *streams);

    if (streams == NULL) {
        self->is_exhausted = true;
        return;
    }
    map_init(&self->counted);
    for (int32_t i = 0; i < count; i++) {
        streams[i].out = &self->out.streams.items[i];
        if (streams[i].out->error_code == KAFKA_ERROR_NONE) { /* a refusal tells no number either */
            map_insert(&self->counted, &streams[i].by_name, string_hash(streams[i].out->name));
        }
    }
    catalog_for_each_topic(self->request->broker->catalog, count_topic, self);
    map_release(&self->counted);
}

void describe_streams_handle(struct request *request)
{
    struct stream_survey self = {.request = request};

    if (!request_decode(request, &describe_streams_request_layout, &self.in)) {
        return;
    }
    describe_streams_response_init(&self.out);
    if (self.in.names.count > NAMES_MAX) {
        self.out.error_code = KAFKA_ERROR_INVALID_REQUEST;
        self.out.error_message = STRING("There are more than 1000 names.");
    } else {
        survey(&self);
    }
    if (!self.is_exhausted) {
        count_topics(&self);
    }
    if (self.is_exhausted) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    request_reply(request, &describe_streams_response_layout, &self.out);
}
