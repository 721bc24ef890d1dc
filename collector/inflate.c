/*
 * collector: inflating under a cap.
 *
 * gzip says in its last four bytes how large the content is (modulo 2^32). That is a hint from a
 * stranger: the first try allocates no more than that and no more than the cap, later tries double up
 * to the cap, and one byte more than the cap is an error. Memory that is not written is not used, so a
 * bomb costs at most the cap.
 */
#include <libdeflate.h>

#include "collector/impl.h"

#define FIRST_TRY LY_KIB(64)

typedef struct sink {
    char *ptr;
    size_t len, cap;
} sink;

static size_t hint(ly_str packed, ly_rpc_packing packing, size_t max)
{
    size_t guess = packed.len * 4;
    if (packing == LY_RPC_GZIP && packed.len >= 18) {
        const uint8_t *tail = (const uint8_t *)packed.ptr + packed.len - 4;
        size_t said =
            (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
        /* Deflate cannot do better than about 1032 to 1. */
        if (said <= packed.len * 1040)
            guess = said;
    }
    if (guess < FIRST_TRY)
        guess = FIRST_TRY;
    return guess < max ? guess : max;
}

static enum libdeflate_result one_member(struct libdeflate_decompressor *d, ly_rpc_packing packing,
                                         ly_str in, sink *out, size_t *ret_in, size_t *ret_out)
{
    void *to = out->ptr + out->len;
    size_t room = out->cap - out->len;
    return packing == LY_RPC_GZIP
               ? libdeflate_gzip_decompress_ex(d, in.ptr, in.len, to, room, ret_in, ret_out)
               : libdeflate_zlib_decompress_ex(d, in.ptr, in.len, to, room, ret_in, ret_out);
}

static ly_status grow(sink *out, size_t max, ly_err *err)
{
    if (out->cap >= max)
        return LY_FAIL(err, LY_E_LIMIT, "the request is larger than %zu bytes when inflated", max);
    size_t cap = out->cap > max / 2 ? max : out->cap * 2;
    char *ptr = ly_realloc(out->ptr, cap + 1);
    if (!ptr)
        return LY_NOMEM(err);
    out->ptr = ptr;
    out->cap = cap;
    return LY_OK;
}

/* A gzip body may be several members one after the other (RFC 1952 §2.2). */
static ly_status inflate_all(struct libdeflate_decompressor *d, ly_rpc_packing packing, ly_str in,
                             size_t max, sink *out, ly_err *err)
{
    do {
        size_t used = 0, made = 0;
        enum libdeflate_result result = one_member(d, packing, in, out, &used, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
            ly_status status = grow(out, max, err);
            if (status)
                return status;
            continue;
        }
        if (result != LIBDEFLATE_SUCCESS || used == 0)
            return LY_FAIL(err, LY_E_FORMAT, "the request is not valid %s data",
                           packing == LY_RPC_GZIP ? "gzip" : "deflate");
        out->len += made;
        in = ly_str_sub(in, used, in.len);
    } while (in.len > 0);
    return LY_OK;
}

ly_status ly_inflate(ly_str packed, ly_rpc_packing packing, size_t max, char **ret, size_t *ret_len,
                     ly_err *err)
{
    sink out = {.cap = hint(packed, packing, max)};
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    out.ptr = ly_malloc(out.cap + 1);
    ly_status status =
        d && out.ptr ? inflate_all(d, packing, packed, max, &out, err) : LY_NOMEM(err);
    libdeflate_free_decompressor(d);
    if (status) {
        ly_free(out.ptr);
        return status;
    }
    *ret = out.ptr;
    *ret_len = out.len;
    return LY_OK;
}

const char *ly_packed_as(ly_str body)
{
    static const struct {
        ly_str magic;
        const char *name;
    } rows[] = {
        {{"\x28\xb5\x2f\xfd", 4}, "zstd"},
        {{"\xff\x06\x00\x00sNaPpY", 10}, "snappy"},
        {{"\x04\x22\x4d\x18", 4}, "lz4"},
        {{"\x1f\x8b\x08", 3}, "gzip"},
    };
    for (size_t i = 0; i < LY_COUNT(rows); i++)
        if (ly_str_starts(body, rows[i].magic))
            return rows[i].name;
    return NULL;
}
