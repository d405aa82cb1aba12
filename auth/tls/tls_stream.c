/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL reads from what the owner has lent and writes into a buffer that the owner takes away
 * whole: two copies fewer than with memory BIOs, and what is being sent never moves.
 */
#include "gyre/tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

#include "tls_context_private.h"

enum {
    RECORD_OVERHEAD_BYTES = 64, /* header, nonce, tag and content type, with room to spare */
    OUTPUT_BYTES_MIN = 4096,
    KEY_UPDATES_FREE = 64, /* and one more for each MiB that the peer has sent */
    MIB_SHIFT = 20,
    REASON_BYTES = 160,
};

struct tls_stream {
    SSL *ssl;
    struct tls_context *context; /* a reference */

    /* ---- ciphertext in ---- */
    const char *input; /* lent, or in `kept` */
    size_t input_length;
    struct buffer *kept; /* owned */

    /* ---- ciphertext out ---- */
    struct buffer *output; /* owned; NULL while there is none */
    size_t output_used;

    uint64_t received_bytes; /* plaintext */
    uint64_t key_updates;    /* that the peer asked for */
    bool is_open;
    bool is_failed;
    bool verifies_name;
    struct tls_facts facts;
    char *peer_name; /* owned */
    char reason[REASON_BYTES];
};

/* ---- between OpenSSL and the owner ---- */

static int read_input(BIO *bio, char *to, size_t size, size_t *out_size)
{
    struct tls_stream *stream = BIO_get_data(bio);
    size_t taken = stream->input_length < size ? stream->input_length : size;

    BIO_clear_retry_flags(bio);
    if (taken == 0) {
        *out_size = 0;
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, stream->input, taken);
    stream->input += taken;
    stream->input_length -= taken;
    *out_size = taken;
    return 1;
}

static void grow_output(struct tls_stream *stream, size_t more)
{
    size_t wanted = stream->output_used + more;
    struct buffer *larger;

    if (stream->output != NULL && wanted <= stream->output->size) {
        return;
    }
    if (stream->output != NULL && wanted < 2 * stream->output->size) {
        wanted = 2 * stream->output->size;
    }
    larger = buffer_new(wanted < OUTPUT_BYTES_MIN ? OUTPUT_BYTES_MIN : wanted);
    if (stream->output_used > 0) {
        memcpy(larger->bytes, stream->output->bytes, stream->output_used);
    }
    buffer_unref(stream->output);
    stream->output = larger;
}

static int write_output(BIO *bio, const char *bytes, size_t length, size_t *out_written)
{
    struct tls_stream *stream = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    grow_output(stream, length);
    memcpy(stream->output->bytes + stream->output_used, bytes, length);
    stream->output_used += length;
    *out_written = length;
    return 1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bytes_method; /* of the process */

static void make_method(void)
{
    bytes_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gyre bytes");
    CHECK(bytes_method != NULL);
    CHECK(BIO_meth_set_read_ex(bytes_method, read_input) == 1);
    CHECK(BIO_meth_set_write_ex(bytes_method, write_output) == 1);
    CHECK(BIO_meth_set_ctrl(bytes_method, control) == 1);
}

static BIO *new_bio(struct tls_stream *stream)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    CHECK(pthread_once(&once, make_method) == 0);
    bio = BIO_new(bytes_method);
    CHECK(bio != NULL);
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- life ---- */

/* NOLINTNEXTLINE(readability-function-size): the library asks so. */
static void on_message(int is_written, int version, int content_type, const void *bytes,
                       size_t length, SSL *ssl, void *context)
{
    struct tls_stream *stream = context;

    (void)version;
    (void)ssl;
    if (is_written == 0 && content_type == SSL3_RT_HANDSHAKE && length > 0 &&
        *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE) {
        stream->key_updates++;
    }
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

/* An address is no server name (RFC 6066), and is verified against other fields. */
static void expect_host(struct tls_stream *stream, const char *host)
{
    X509_VERIFY_PARAM *verify = SSL_get0_param(stream->ssl);
    bool is_good;

    if (is_address(host)) {
        is_good = !stream->context->verifies_host || X509_VERIFY_PARAM_set1_ip_asc(verify, host);
    } else {
        is_good = SSL_ctrl(stream->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                           (void *)(uintptr_t)host) == 1 &&
                  (!stream->context->verifies_host || SSL_set1_host(stream->ssl, host) == 1);
        SSL_set_hostflags(stream->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    if (!is_good) {
        stream->is_failed = true;
        (void)snprintf(stream->reason, sizeof stream->reason, "the host name cannot be verified");
    }
}

struct tls_stream *tls_stream_new(struct tls_context *context, const char *host)
{
    struct tls_stream *stream = check_alloc_zero(sizeof *stream);
    BIO *bio = new_bio(stream);

    stream->context = tls_context_ref(context);
    stream->ssl = SSL_new(context->ssl);
    CHECK(stream->ssl != NULL);
    SSL_set_bio(stream->ssl, bio, bio);
    SSL_set_msg_callback(stream->ssl, on_message);
    SSL_set_msg_callback_arg(stream->ssl, stream);
    if (context->is_server) {
        SSL_set_accept_state(stream->ssl);
    } else {
        SSL_set_connect_state(stream->ssl);
        if (host != NULL) {
            expect_host(stream, host);
        }
    }
    return stream;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (stream != NULL) {
        /* Else OpenSSL takes the session for broken, and it cannot be resumed. */
        SSL_set_shutdown(stream->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(stream->ssl);
        tls_context_unref(stream->context);
        buffer_unref(stream->kept);
        buffer_unref(stream->output);
        free(stream->peer_name);
        free(stream);
    }
}

/* ---- failures ---- */

static const char *reason_of(const struct tls_stream *stream)
{
    long verified = SSL_get_verify_result(stream->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    if (verified != X509_V_OK && SSL_get_verify_mode(stream->ssl) != SSL_VERIFY_NONE) {
        return X509_verify_cert_error_string(verified);
    }
    return reason == NULL ? "the peer does not follow the protocol" : reason;
}

static enum error fail(struct tls_stream *stream, enum error error, const char *reason)
{
    stream->is_failed = true;
    (void)snprintf(stream->reason, sizeof stream->reason, "%s", reason);
    ERR_clear_error();
    return error;
}

static enum error outcome(struct tls_stream *stream, int result)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ: return ERROR_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return ERROR_CLOSED;
    default: return fail(stream, ERROR_MALFORMED, reason_of(stream));
    }
}

/* ---- the handshake ---- */

static void name_peer(struct tls_stream *stream, const X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_X509_NAME(X509_get_subject_name(certificate), &der);
    struct tls_facts *facts = &stream->facts;

    if (length >= 0) {
        stream->peer_name = check_alloc(DN_TEXT_BYTES_MAX);
        if (dn_text_print(der, (size_t)length, stream->peer_name, DN_TEXT_BYTES_MAX,
                          &facts->peer_name_length) == ERROR_NONE) {
            facts->peer_name = stream->peer_name =
                check_realloc(stream->peer_name, facts->peer_name_length + 1);
        }
    }
    OPENSSL_free(der);
}

/* A ticket brings the certificate of then, which may have ended since. */
static const char *objection_to(const struct tls_stream *stream, X509 *certificate)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
        return "certificate has expired";
    }
    if (stream->context->wants_broker &&
        X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        return "the certificate is not a broker's";
    }
    return NULL;
}

static enum error take_facts(struct tls_stream *stream)
{
    X509 *certificate = SSL_get1_peer_certificate(stream->ssl);
    struct tls_facts *facts = &stream->facts;
    const char *objection;

    facts->version = SSL_get_version(stream->ssl);
    facts->cipher = SSL_get_cipher_name(stream->ssl);
    facts->is_resumed = SSL_session_reused(stream->ssl) == 1;
    if (certificate == NULL) {
        return ERROR_NONE;
    }
    facts->has_certificate = true;
    facts->peer_expires_ms = tls_time_ms(X509_get0_notAfter(certificate));
    objection = objection_to(stream, certificate);
    if (objection == NULL) {
        name_peer(stream, certificate);
    }
    X509_free(certificate);
    return objection == NULL ? ERROR_NONE : fail(stream, ERROR_INVALID, objection);
}

enum error tls_stream_handshake(struct tls_stream *stream)
{
    int result;
    enum error error;

    if (stream->is_failed) {
        return ERROR_STATE;
    }
    if (stream->is_open) {
        return ERROR_NONE;
    }
    ERR_clear_error();
    result = SSL_do_handshake(stream->ssl);
    if (result != 1) {
        error = outcome(stream, result);
        return error == ERROR_CLOSED ? fail(stream, ERROR_CLOSED, "the peer went away") : error;
    }
    error = take_facts(stream);
    stream->is_open = error == ERROR_NONE;
    return error;
}

bool tls_stream_is_open(const struct tls_stream *stream)
{
    return stream->is_open;
}

const struct tls_facts *tls_stream_facts(const struct tls_stream *stream)
{
    return &stream->facts;
}

bool tls_stream_is_believed(const struct tls_stream *stream, const struct tls_context *context)
{
    X509 *certificate = SSL_get1_peer_certificate(stream->ssl);
    bool is_believed =
        certificate == NULL ||
        tls_store_believes(context, SSL_is_server(stream->ssl) ? "ssl_client" : "ssl_server",
                           certificate, SSL_get_peer_cert_chain(stream->ssl));

    X509_free(certificate);
    return is_believed;
}

bool tls_stream_trusts_alike(const struct tls_stream *stream, const struct tls_context *context)
{
    return tls_context_trusts_alike(stream->context, context);
}

const char *tls_stream_reason(const struct tls_stream *stream)
{
    return stream->reason;
}

/* ---- bytes in ---- */

void tls_stream_feed(struct tls_stream *stream, const char *bytes, size_t length)
{
    struct buffer *kept = stream->kept;

    stream->kept = NULL;
    if (stream->input_length > 0) {
        stream->kept = buffer_new(stream->input_length + length);
        memcpy(stream->kept->bytes, stream->input, stream->input_length);
        memcpy(stream->kept->bytes + stream->input_length, bytes, length);
        bytes = stream->kept->bytes;
        length += stream->input_length;
    }
    stream->input = bytes;
    stream->input_length = length;
    buffer_unref(kept);
}

void tls_stream_keep_input(struct tls_stream *stream)
{
    if (stream->input_length == 0) {
        stream->input = NULL;
    } else if (stream->kept == NULL) {
        stream->kept = buffer_copy(stream->input, stream->input_length);
        stream->input = stream->kept->bytes;
    }
}

static bool is_flooded(const struct tls_stream *stream)
{
    return stream->key_updates > KEY_UPDATES_FREE + (stream->received_bytes >> MIB_SHIFT);
}

enum error tls_stream_read(struct tls_stream *stream, char *to, size_t size, size_t *out_size)
{
    int result;

    *out_size = 0;
    if (stream->is_failed || !stream->is_open) {
        return ERROR_STATE;
    }
    ERR_clear_error();
    result = SSL_read_ex(stream->ssl, to, size, out_size);
    stream->received_bytes += *out_size;
    if (is_flooded(stream)) {
        return fail(stream, ERROR_LIMIT, "too many changes of keys");
    }
    return result == 1 ? ERROR_NONE : outcome(stream, result);
}

/* ---- bytes out ---- */

void tls_stream_reserve_output(struct tls_stream *stream, size_t plaintext_bytes)
{
    size_t records = plaintext_bytes / TLS_RECORD_BYTES + 1;

    grow_output(stream, plaintext_bytes + records * RECORD_OVERHEAD_BYTES);
}

enum error tls_stream_write(struct tls_stream *stream, const char *bytes, size_t length)
{
    size_t written = 0;

    if (stream->is_failed || !stream->is_open) {
        return ERROR_STATE;
    }
    if (length == 0) {
        return ERROR_NONE;
    }
    ERR_clear_error();
    if (SSL_write_ex(stream->ssl, bytes, length, &written) != 1 || written != length) {
        return fail(stream, ERROR_STATE, reason_of(stream));
    }
    return ERROR_NONE;
}

/* Where a walk over slices is. */
struct walk {
    const struct buffer_slice *slices;
    size_t count;
    size_t index;
    size_t offset;
    size_t left; /* of the limit */
};

/* What lies in one piece from here on. */
static size_t piece_at(struct walk *walk)
{
    while (walk->index < walk->count && walk->offset == walk->slices[walk->index].length) {
        walk->index++;
        walk->offset = 0;
    }
    if (walk->index == walk->count) {
        return 0;
    }
    return walk->slices[walk->index].length - walk->offset < walk->left
               ? walk->slices[walk->index].length - walk->offset
               : walk->left;
}

static const char *step(struct walk *walk, size_t size)
{
    const char *bytes = walk->slices[walk->index].bytes + walk->offset;

    walk->offset += size;
    walk->left -= size;
    return bytes;
}

static size_t gather(struct walk *walk, char record[TLS_RECORD_BYTES])
{
    size_t used = 0;
    size_t size;

    while (used < TLS_RECORD_BYTES && (size = piece_at(walk)) > 0) {
        size = size < TLS_RECORD_BYTES - used ? size : TLS_RECORD_BYTES - used;
        memcpy(record + used, step(walk, size), size);
        used += size;
    }
    return used;
}

static size_t total_of(const struct walk *walk)
{
    size_t total = 0;

    for (size_t i = 0; i < walk->count && total < walk->left + walk->offset; i++) {
        total += walk->slices[i].length;
    }
    total -= walk->offset;
    return total < walk->left ? total : walk->left;
}

enum error tls_stream_write_slices(struct tls_stream *stream, const struct buffer_slice *slices,
                                   size_t count, size_t offset, size_t limit, size_t *out_taken)
{
    struct walk walk = {.slices = slices, .count = count, .offset = offset, .left = limit};
    char record[TLS_RECORD_BYTES];
    enum error error = ERROR_NONE;
    size_t size;

    *out_taken = 0;
    if (count == 0) {
        return ERROR_NONE;
    }
    tls_stream_reserve_output(stream, total_of(&walk));
    while (error == ERROR_NONE && (size = piece_at(&walk)) > 0) {
        if (size >= TLS_RECORD_BYTES) {
            size -= size % TLS_RECORD_BYTES;
            error = tls_stream_write(stream, step(&walk, size), size);
        } else {
            size = gather(&walk, record);
            error = tls_stream_write(stream, record, size);
        }
    }
    *out_taken = limit - walk.left;
    return error;
}

void tls_stream_shutdown(struct tls_stream *stream)
{
    if (stream->is_open && !stream->is_failed) {
        ERR_clear_error();
        (void)SSL_shutdown(stream->ssl);
        ERR_clear_error();
    }
}

struct buffer_slice tls_stream_take_output(struct tls_stream *stream)
{
    struct buffer_slice output = {0};

    if (stream->output_used > 0) {
        output = (struct buffer_slice){.buffer = stream->output,
                                       .bytes = stream->output->bytes,
                                       .length = stream->output_used};
    } else {
        buffer_unref(stream->output);
    }
    stream->output = NULL;
    stream->output_used = 0;
    return output;
}
