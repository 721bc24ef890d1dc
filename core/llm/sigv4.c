/* AWS Signature Version 4: see sigv4.h. */
#include "llm/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "text/hash.h"

void ly_sigv4_date(int64_t wall_ns, char ret[17])
{
    time_t seconds = (time_t)(wall_ns / LY_NS_PER_SEC);
    struct tm t;
    (void)gmtime_r(&seconds, &t);
    if (strftime(ret, 17, "%Y%m%dT%H%M%SZ", &t) == 0) {
        ret[0] = '\0';
    }
}

/* The wire path with everything but unreserved characters and '/' encoded (once more). */
static void canonical_path(ly_str path, ly_buf *out)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
        if (plain) {
            ly_buf_char(out, (char)c);
        } else {
            ly_buf_fmt(out, "%%%02X", c);
        }
    }
}

/* Header lines in order of their names, and the list of names. */
static void headers(const ly_sigv4 *in, ly_buf *lines, ly_buf *names)
{
    if (in->content_type.len) {
        ly_buf_fmt(lines, "content-type:%.*s\n", LY_STR_ARG(in->content_type));
        ly_buf_c(names, "content-type;");
    }
    ly_buf_fmt(lines, "host:%.*s\nx-amz-date:%s\n", LY_STR_ARG(in->host), in->date);
    ly_buf_c(names, "host;x-amz-date");
    if (in->token && *in->token) {
        ly_buf_fmt(lines, "x-amz-security-token:%s\n", in->token);
        ly_buf_c(names, ";x-amz-security-token");
    }
}

static void derive_key(const ly_sigv4 *in, uint8_t key[32])
{
    char first[256];
    int n = snprintf(first, sizeof first, "AWS4%s", in->secret);
    ly_hmac_sha256(ly_str_n(first, n > 0 && (size_t)n < sizeof first ? (size_t)n : 0),
                   ly_str_n(in->date, 8), key);
    const char *const steps[] = {in->region, in->service, "aws4_request"};
    for (size_t i = 0; i < LY_COUNT(steps); i++) {
        uint8_t next[32];
        ly_hmac_sha256(ly_str_n((const char *)key, 32), ly_str_c(steps[i]), next);
        memcpy(key, next, 32);
    }
    explicit_bzero(first, sizeof first);
}

ly_status ly_sigv4_sign(const ly_sigv4 *in, ly_buf *authorization, ly_sigv4_signed *ret,
                        ly_err *err)
{
    ly_buf request, names, scope, text;
    char body_hash[65];
    uint8_t key[32], signature[32];
    ly_buf_init(&request, LY_KIB(64));
    ly_buf_init(&names, 256);
    ly_buf_init(&scope, 256);
    ly_buf_init(&text, LY_KIB(4));
    ly_sha256_hex_of(in->body, body_hash);
    ly_buf_fmt(&request, "%s\n", in->method);
    canonical_path(in->path, &request);
    ly_buf_c(&request, "\n\n");
    headers(in, &request, &names);
    ly_buf_fmt(&request, "\n%s\n%s", ly_buf_text(&names), body_hash);
    ly_sha256_hex_of(ly_buf_view(&request), ret->canonical);
    ly_buf_fmt(&scope, "%.8s/%s/%s/aws4_request", in->date, in->region, in->service);
    ly_buf_fmt(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", in->date, ly_buf_text(&scope),
               ret->canonical);
    derive_key(in, key);
    ly_hmac_sha256(ly_str_n((const char *)key, 32), ly_buf_view(&text), signature);
    ly_hex_encode(key, 32, ret->key);
    ly_hex_encode(signature, 32, ret->signature);
    explicit_bzero(key, sizeof key);
    ly_buf_fmt(authorization, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
               in->key_id, ly_buf_text(&scope), ly_buf_text(&names), ret->signature);
    ly_status st = ly_buf_status(&request, "request to sign", err);
    st = st ? st : ly_buf_status(authorization, "signature", err);
    ly_buf_release(&request);
    ly_buf_release(&names);
    ly_buf_release(&scope);
    ly_buf_release(&text);
    return st;
}
