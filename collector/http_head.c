/* collector: what the head of an HTTP request decides, before a byte of its body is kept. */
#include <arpa/inet.h>

#include "collector/http_impl.h"

ly_str ly_http_header(const http_call *call, const char *name)
{
    return ly_str_c(MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name));
}

static ly_str get_header(const void *call, const char *name)
{
    return ly_http_header(call, name);
}

ly_str ly_http_api_key(const http_call *call)
{
    return ly_access_header(get_header, call);
}

/* ------------------------------------------------------------ type, encoding */

/* "application/json; charset=utf-8" -> "application/json" */
static ly_str media_type(ly_str value)
{
    return ly_str_trim(ly_str_sub(value, 0, ly_str_find_char(value, ';', 0)));
}

bool ly_http_read_type(http_call *call)
{
    ly_str type = media_type(ly_http_header(call, MHD_HTTP_HEADER_CONTENT_TYPE));
    if (ly_str_eq_nocase(type, LY_S(TYPE_PROTO)) ||
        ly_str_eq_nocase(type, LY_S("application/protobuf"))) {
        call->format = LY_OTLP_PROTO;
        return true;
    }
    call->format = LY_OTLP_JSON;
    return ly_str_eq_nocase(type, LY_S(TYPE_JSON));
}

bool ly_http_read_encoding(http_call *call)
{
    ly_str encoding = ly_str_trim(ly_http_header(call, MHD_HTTP_HEADER_CONTENT_ENCODING));
    call->packing = LY_RPC_PLAIN;
    if (encoding.len == 0 || ly_str_eq_nocase(encoding, LY_S("identity")) ||
        ly_str_eq_nocase(encoding, LY_S("none")))
        return true;
    call->packing = LY_RPC_GZIP;
    if (ly_str_eq_nocase(encoding, LY_S("gzip")) || ly_str_eq_nocase(encoding, LY_S("x-gzip")))
        return true;
    call->packing = LY_RPC_DEFLATE;
    return ly_str_eq_nocase(encoding, LY_S("deflate"));
}

/* ------------------------------------------------------------------- framing */

typedef struct lengths {
    ly_str first;
    bool differ;
} lengths;

static enum MHD_Result see_length(void *user, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    lengths *seen = user;
    (void)kind;
    if (!ly_str_eq_nocase(ly_str_c(key), LY_S("content-length")))
        return MHD_YES;
    ly_str text = ly_str_trim(ly_str_c(value));
    if (ly_str_given(seen->first) && !ly_str_eq(seen->first, text))
        seen->differ = true;
    seen->first = text;
    return MHD_YES;
}

static bool refuse_framing(http_call *call, int http_code, const char *text)
{
    ly_http_refuse(call, LY_REFUSED_MALFORMED, http_code, LY_RPC_INVALID_ARGUMENT, -1, text);
    call->at_once = true; /* where the body ends is not known */
    return false;
}

/* A head from which two readers may see two different ends of the body (RFC 9112 §6.3) is refused: a
 * proxy before us may have seen the other one. */
bool ly_http_check_framing(http_call *call)
{
    lengths seen = {.first = LY_STR_NONE};
    ly_str transfer = ly_str_trim(ly_http_header(call, MHD_HTTP_HEADER_TRANSFER_ENCODING));
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, see_length, &seen);
    if (seen.differ)
        return refuse_framing(call, 400, "the request has two different Content-Length headers");
    if (!ly_str_given(transfer) || transfer.len == 0)
        return true;
    if (!ly_str_eq_nocase(transfer, LY_S("chunked")))
        return refuse_framing(call, 501, "Transfer-Encoding must be chunked or absent");
    if (ly_str_given(seen.first))
        return refuse_framing(call, 400,
                              "the request has both Content-Length and Transfer-Encoding");
    return true;
}

/* --------------------------------------------------------------------- keys */

static bool keys_are_asked(http_call *call, unsigned *ret_scopes)
{
    ly_config *config = ly_config_ref(call->c);
    bool asked = config->access != NULL;
    *ret_scopes = LY_SCOPE_READ | LY_SCOPE_WRITE;
    if (asked)
        *ret_scopes =
            ly_access_check(config->access, ly_http_header(call, MHD_HTTP_HEADER_AUTHORIZATION),
                            ly_http_api_key(call));
    ly_config_unref(config);
    return asked;
}

bool ly_http_check_key(http_call *call, unsigned need)
{
    unsigned scopes = 0;
    (void)keys_are_asked(call, &scopes);
    if (scopes & need)
        return true;
    if (scopes)
        ly_http_refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
                       need == LY_SCOPE_WRITE
                           ? "this access key may only read (lydite auth add NAME --write)"
                           : "this access key may only write (lydite auth add NAME --read)");
    else
        ly_http_refuse(
            call, LY_REFUSED_KEY, 401, LY_RPC_UNAUTHENTICATED, -1,
            "an access key is needed: Authorization: Bearer KEY (lydite auth add makes one)");
    return false;
}

/* ------------------------------------------------------------------ browsers */

/* "127.0.0.1:4318" -> "127.0.0.1"; "[::1]:4318" -> "::1" */
static ly_str host_of(ly_str text)
{
    if (ly_str_starts(text, LY_S("["))) {
        size_t end = ly_str_find_char(text, ']', 0);
        return end == SIZE_MAX ? LY_S("") : ly_str_sub(text, 1, end - 1);
    }
    return ly_str_sub(text, 0, ly_str_find_char(text, ':', 0));
}

static bool is_localhost(ly_str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    size_t dot = host.len > 10 ? host.len - 10 : 0;
    return ly_str_eq_nocase(host, LY_S("localhost")) ||
           (dot > 0 && ly_str_eq_nocase(ly_str_sub(host, dot, host.len), LY_S(".localhost")));
}

bool ly_origin_is_local(ly_str origin)
{
    char text[64];
    ly_str rest = ly_str_starts(origin, LY_S("http://"))    ? ly_str_sub(origin, 7, origin.len)
                  : ly_str_starts(origin, LY_S("https://")) ? ly_str_sub(origin, 8, origin.len)
                                                            : LY_S("");
    ly_str host = host_of(rest);
    if (is_localhost(host))
        return true;
    return host.len > 0 && host.len < sizeof text && ly_str_copy(host, text, sizeof text) &&
           ly_address_is_loopback(text);
}

bool ly_host_is_local(ly_str host)
{
    char text[64];
    struct in6_addr address;
    ly_str name = host_of(ly_str_trim(host));
    if (is_localhost(name))
        return true;
    if (name.len == 0 || name.len >= sizeof text || !ly_str_copy(name, text, sizeof text))
        return false;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

ly_str ly_http_local_origin(const http_call *call)
{
    ly_str origin = ly_http_header(call, "Origin");
    return ly_str_given(origin) && ly_origin_is_local(origin) ? origin : LY_STR_NONE;
}

/*
 * A web page may make a browser send requests here. Pages of this machine may (an application under
 * development sends its traces so); of other origins only who has an access key.
 */
bool ly_http_check_origin(http_call *call)
{
    unsigned scopes;
    ly_str origin = ly_http_header(call, "Origin");
    if (!ly_str_given(origin) || ly_origin_is_local(origin) || keys_are_asked(call, &scopes))
        return true;
    ly_http_refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
                   "requests of web pages of other origins are not answered");
    return false;
}

/*
 * A page whose own name was made to point at this machine is of the same origin for the browser, and its
 * GET has no Origin header; its Host header tells. What gives data away looks at it, as long as only this
 * machine can reach us and no key protects the data.
 */
bool ly_http_check_host(http_call *call)
{
    unsigned scopes;
    ly_str host = ly_http_header(call, MHD_HTTP_HEADER_HOST);
    if (!ly_str_given(host) || host.len == 0 || !ly_address_is_loopback(call->c->opts.listen) ||
        ly_host_is_local(host) || keys_are_asked(call, &scopes))
        return true;
    ly_http_refuse(call, LY_REFUSED_KEY, 403, LY_RPC_PERMISSION_DENIED, -1,
                   "the Host header names another machine; ask for localhost, or start the "
                   "collector with --require-key");
    return false;
}
