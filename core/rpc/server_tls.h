/* Inside rpc: the server's certificate, which may be renewed while it listens. */
#ifndef LY_RPC_SERVER_TLS_H
#define LY_RPC_SERVER_TLS_H

#include <grpc/grpc_security.h>

#include "rpc/server.h"

typedef struct ly_rpc_cert ly_rpc_cert;

/* The texts are copied. */
LY_MUST_USE ly_status ly_rpc_cert_new(const ly_rpc_tls *tls, ly_rpc_cert **ret_cert, ly_err *err);
/* Handshakes from now on take this one. LY_E_INVALID leaves the old one. */
LY_MUST_USE ly_status ly_rpc_cert_renew(ly_rpc_cert *cert, const ly_rpc_tls *tls, ly_err *err);
/* Credentials of one listener; NULL when gRPC refuses the texts. */
grpc_server_credentials *ly_rpc_cert_creds(ly_rpc_cert *cert);
/* After the server that used it is gone. NULL is allowed. */
void ly_rpc_cert_free(ly_rpc_cert *cert);

#endif
