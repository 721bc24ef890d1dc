/*
 * rpc/server_tls: gRPC asks for the certificate at each handshake; each listener has seen some version
 * of it, and gets the new one when there is a newer.
 */
#include "rpc/server_tls.h"

#include <pthread.h>

#include "base/mem.h"

typedef struct listener {
    struct listener *next;
    ly_rpc_cert *cert;
    uint64_t seen;
} listener;

struct ly_rpc_cert {
    pthread_mutex_t lock; /* all below, but for client_ca, which stays */
    char *cert_pem, *key_pem, *client_ca;
    uint64_t version;
    listener *listeners;
};

static ly_status copy_text(const char *from, char **to, ly_err *err)
{
    if (!from)
        return LY_OK;
    *to = ly_strdup(from);
    return *to ? LY_OK : LY_NOMEM(err);
}

static void free_texts(char *cert_pem, char *key_pem)
{
    ly_free(cert_pem);
    ly_free_secret(key_pem, key_pem ? strlen(key_pem) : 0);
}

ly_status ly_rpc_cert_renew(ly_rpc_cert *cert, const ly_rpc_tls *tls, ly_err *err)
{
    char *cert_pem = NULL, *key_pem = NULL;
    if (!tls->cert_pem || !tls->key_pem)
        return LY_FAIL(err, LY_E_INVALID, "a certificate and its key are needed");
    ly_status status = copy_text(tls->cert_pem, &cert_pem, err);
    if (!status)
        status = copy_text(tls->key_pem, &key_pem, err);
    if (!status) {
        pthread_mutex_lock(&cert->lock);
        char *old_cert = cert->cert_pem, *old_key = cert->key_pem;
        cert->cert_pem = cert_pem;
        cert->key_pem = key_pem;
        cert->version++;
        pthread_mutex_unlock(&cert->lock);
        cert_pem = old_cert;
        key_pem = old_key;
    }
    free_texts(cert_pem, key_pem);
    return status;
}

ly_status ly_rpc_cert_new(const ly_rpc_tls *tls, ly_rpc_cert **ret_cert, ly_err *err)
{
    ly_rpc_cert *cert = ly_calloc(1, sizeof *cert);
    if (!cert)
        return LY_NOMEM(err);
    pthread_mutex_init(&cert->lock, NULL);
    ly_status status = copy_text(tls->client_ca_pem, &cert->client_ca, err);
    if (!status)
        status = ly_rpc_cert_renew(cert, tls, err);
    if (status)
        ly_rpc_cert_free(cert);
    else
        *ret_cert = cert;
    return status;
}

void ly_rpc_cert_free(ly_rpc_cert *cert)
{
    if (!cert)
        return;
    while (cert->listeners) {
        listener *l = cert->listeners;
        cert->listeners = l->next;
        ly_free(l);
    }
    free_texts(cert->cert_pem, cert->key_pem);
    ly_free(cert->client_ca);
    pthread_mutex_destroy(&cert->lock);
    ly_free(cert);
}

/* gRPC's threads, before each handshake. */
static grpc_ssl_certificate_config_reload_status fetch(void *user,
                                                       grpc_ssl_server_certificate_config **ret)
{
    listener *l = user;
    ly_rpc_cert *cert = l->cert;
    grpc_ssl_certificate_config_reload_status result = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    pthread_mutex_lock(&cert->lock);
    if (l->seen != cert->version) {
        grpc_ssl_pem_key_cert_pair pair = {cert->key_pem, cert->cert_pem};
        /* gRPC 1.51 wants roots here even where no client certificate is asked for. */
        *ret = grpc_ssl_server_certificate_config_create(
            cert->client_ca ? cert->client_ca : cert->cert_pem, &pair, 1);
        l->seen = cert->version;
        result =
            *ret ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    }
    pthread_mutex_unlock(&cert->lock);
    return result;
}

grpc_server_credentials *ly_rpc_cert_creds(ly_rpc_cert *cert)
{
    listener *l = ly_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->cert = cert;
    l->next = cert->listeners;
    cert->listeners = l;
    grpc_ssl_server_credentials_options *options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            cert->client_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                            : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, l);
    return options ? grpc_ssl_server_credentials_create_with_options(options) : NULL;
}
