/* SPDX-License-Identifier: Apache-2.0 */
/* Health and metrics for machines. */
#include <jansson.h>
#include <string.h>

#include "gyre/observe/metrics.h"
#include "gyre/wire/api.h"

#include "network/admin_http_internal.h"

static void respond_live(void *context, const char *path, struct admin_http_answer *answer)
{
    (void)context;
    (void)path;
    admin_http_answer_text(answer, 200, "ok\n");
}

static const char index_page[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><title>Gyre</title>\n"
    "<p>The admin port of a broker of Gyre.\n"
    "<ul><li><a href=\"/readyz\">/readyz</a>: may it be used, and who it is\n"
    "<li><a href=\"/livez\">/livez</a>: does it live\n"
    "<li><a href=\"/metrics\">/metrics</a>: for Prometheus\n</ul>\n";

/* "/" stands for every path that nobody else answers. */
static void respond_index(void *context, const char *path, struct admin_http_answer *answer)
{
    (void)context;
    if (strcmp(path, "/") == 0) {
        admin_http_answer_text(answer, 200, index_page);
        answer->content_type = "text/html; charset=utf-8";
    } else {
        admin_http_answer_text(answer, 404, "not found\n");
    }
}

static void respond_ready(void *context, const char *path, struct admin_http_answer *answer)
{
    const struct admin_http *admin = context;
    const struct admin_http_options *options = &admin->options;
    const char *reason = NULL;
    bool is_ready = options->is_ready == NULL || options->is_ready(options->context, &reason);
    json_t *body = json_object();
    json_t *reasons = json_array();

    (void)path;
    if (!is_ready) {
        (void)json_array_append_new(reasons, json_string(reason == NULL ? "unknown" : reason));
    }
    (void)json_object_set_new(body, "ready", json_boolean(is_ready));
    (void)json_object_set_new(body, "reasons", reasons);
    if (options->describe != NULL) {
        options->describe(options->context, body);
    }
    answer->status = is_ready ? 200 : 503;
    answer->content_type = "application/json";
    answer->body = json_dumps(body, JSON_COMPACT);
    CHECK(answer->body != NULL);
    answer->body_length = strlen(answer->body);
    json_decref(body);
}

static const char *name_of_api(int16_t api_key)
{
    const struct api_description *api = api_find(api_key);

    return api == NULL ? NULL : api->name;
}

static void respond_metrics(void *context, const char *path, struct admin_http_answer *answer)
{
    const struct admin_http *admin = context;
    struct metrics_text text = {0};

    (void)path;
    metrics_expose(admin->options.metrics, name_of_api, &text);
    answer->status = 200;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer->body = text.bytes;
    answer->body_length = text.length;
}

void admin_health_add_routes(struct admin_http *admin)
{
    admin_http_add_route(admin, "/", respond_index, admin);
    admin_http_add_route(admin, "/livez", respond_live, admin);
    admin_http_add_route(admin, "/readyz", respond_ready, admin);
    admin_http_add_route(admin, "/metrics", respond_metrics, admin);
}
