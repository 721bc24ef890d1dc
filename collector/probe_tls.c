/*
 * collector: asking a collector on this machine that speaks TLS or asks for keys.
 *
 * Who can read `<db>.collector` (mode 0600) can read the database: the file names the certificate in use and
 * holds a key for this run of the collector, so that `status`, `doctor` and `run` need neither told. The
 * certificate is trusted because it is that very one; whose name it carries does not matter.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "collector/impl.h"

static ly_status tls_fail(ly_err *err, const char *what)
{
    char text[128];
    unsigned long code = ERR_get_error();
    ERR_error_string_n(code, text, sizeof text);
    return LY_FAIL(err, LY_E_NETWORK, "TLS: %s: %s", what, code ? text : "the connection ended");
}

static int wait_tls(SSL *ssl, int result, int fd, int64_t until)
{
    int why = SSL_get_error(ssl, result);
    struct pollfd p = {.fd = fd};
    int64_t left = until - ly_mono_ns();
    if (why == SSL_ERROR_WANT_READ)
        p.events = POLLIN;
    else if (why == SSL_ERROR_WANT_WRITE)
        p.events = POLLOUT;
    else
        return 0;
    return left > 0 ? poll(&p, 1, (int)(left / LY_NS_PER_MS) + 1) : 0;
}

static ly_status exchange(SSL *ssl, int fd, ly_str head, ly_str body, int64_t until, ly_buf *in,
                          ly_err *err)
{
    int n;
    ly_str parts[] = {head, body};
    while ((n = SSL_connect(ssl)) != 1)
        if (wait_tls(ssl, n, fd, until) <= 0)
            return tls_fail(err, "handshake");
    for (size_t i = 0; i < LY_COUNT(parts); i++) {
        while (parts[i].len > 0) {
            size_t done = 0;
            n = SSL_write_ex(ssl, parts[i].ptr, parts[i].len, &done);
            if (n == 1)
                parts[i] = ly_str_sub(parts[i], done, parts[i].len);
            else if (wait_tls(ssl, n, fd, until) <= 0)
                return tls_fail(err, "sending");
        }
    }
    for (;;) {
        size_t got = 0;
        char *room = ly_buf_room(in, 16384);
        if (!room)
            return ly_buf_status(in, "the answer", err);
        n = SSL_read_ex(ssl, room, 16384, &got);
        if (n == 1)
            ly_buf_advance(in, got);
        else if (SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN || in->len > 0)
            return LY_OK;
        else if (wait_tls(ssl, n, fd, until) <= 0)
            return tls_fail(err, "reading");
    }
}

ly_status ly_probe_tls(int fd, const char *cert_file, ly_str head, ly_str body, int64_t until,
                       ly_buf *in, ly_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    ly_status status = ctx ? LY_OK : LY_NOMEM(err);
    if (!status) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
        if (SSL_CTX_load_verify_locations(ctx, cert_file, NULL) != 1)
            status = LY_FAIL(err, LY_E_NOTFOUND, "%s: the collector's certificate cannot be read",
                             cert_file);
    }
    if (!status && (!(ssl = SSL_new(ctx)) || SSL_set_fd(ssl, fd) != 1))
        status = LY_NOMEM(err);
    if (!status)
        status = exchange(ssl, fd, head, body, until, in, err);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return status;
}

/* ------------------------------------------------------------ the certificate */

static X509 *read_cert(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

ly_status ly_pem_check(const ly_pem *pem, ly_err *err)
{
    X509 *cert = read_cert(pem->cert);
    BIO *bio = BIO_new_mem_buf(pem->key, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    bool fit = cert && key && X509_check_private_key(cert, key) == 1;
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(bio);
    X509_free(cert);
    return fit ? LY_OK
               : LY_FAIL(err, LY_E_INVALID,
                         "the TLS files are no PEM certificate and key that fit together");
}

/* The name to reach it by: this machine's own where the certificate has it, else its first. */
static void name_of(X509 *cert, char *dst, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    (void)ly_str_copy(LY_S("localhost"), dst, size);
    if (X509_check_host(cert, "localhost", 0, 0, NULL) != 1) {
        if (X509_check_ip_asc(cert, "127.0.0.1", 0) == 1)
            (void)ly_str_copy(LY_S("127.0.0.1"), dst, size);
        else if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, dst,
                                           (int)size) <= 0)
            (void)ly_str_copy(LY_S("localhost"), dst, size);
        for (int i = sk_GENERAL_NAME_num(names) - 1; i >= 0; i--) {
            const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
            if (name->type == GEN_DNS && strcmp(dst, "127.0.0.1") != 0)
                (void)ly_str_copy(ly_str_n(ASN1_STRING_get0_data(name->d.dNSName),
                                           (size_t)ASN1_STRING_length(name->d.dNSName)),
                                  dst, size);
        }
    }
    GENERAL_NAMES_free(names);
}

ly_status ly_runtime_cert(const ly_runtime *runtime, ly_runtime_tls *ret, ly_err *err)
{
    char *text = NULL;
    ly_status status = ly_pem_read(runtime->tls_cert, &text, err);
    X509 *cert = status ? NULL : read_cert(text);
    if (!status && !cert)
        status = LY_FAIL(err, LY_E_FORMAT, "%s is no PEM certificate", runtime->tls_cert);
    if (!status) {
        ret->self_signed =
            X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
        name_of(cert, ret->name, sizeof ret->name);
        ret->pem = text;
        text = NULL;
    }
    X509_free(cert);
    ly_free(text);
    return status;
}
