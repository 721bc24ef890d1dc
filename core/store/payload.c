/*
 * The wire form of a record as it is stored: byte splicing. Where a piece of content stands in the
 * bytes, a reference to it is kept instead; joining the parts gives the same bytes again, whatever
 * they are, so export is exact by construction.
 *
 *     data     = varint(dictionary + 1) varint(size of skeleton) packed skeleton
 *     skeleton = varint(n) { varint(literal bytes before) zigzag(number - previous number - 1) } * n
 *                literals, one after another; what is left over follows the last piece
 *
 * Numbers of a conversation's messages grow, so most differences take one or two bytes.
 */
#include "store/internal.h"

#include "base/mem.h"

static void put_varint(ly_buf *out, uint64_t v)
{
    while (v >= 0x80) {
        ly_buf_char(out, (char)(v | 0x80));
        v >>= 7;
    }
    ly_buf_char(out, (char)v);
}

static bool get_varint(ly_str *in, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && in->len; shift += 7) {
        unsigned char c = (unsigned char)*in->ptr++;
        in->len--;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* The skeleton into store->buf. */
static ly_status skeleton(ly_store *store, ly_epoch_state *epoch, ly_str wire,
                          const ly_range *ranges, size_t n, ly_err *err)
{
    ly_buf *out = &store->buf;
    ly_buf_reset(out);
    put_varint(out, n);
    size_t at = 0;
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t number = 0;
        ly_status st = ly_content_put(
            store, epoch, ly_str_sub(wire, ranges[i].offset, ranges[i].len), &number, err);
        if (st)
            return st;
        put_varint(out, ranges[i].offset - at);
        put_varint(out, zigzag(number - last - 1));
        last = number;
        at = (size_t)ranges[i].offset + ranges[i].len;
    }
    at = 0;
    for (size_t i = 0; i < n; i++) {
        ly_buf_add(out, wire.ptr + at, ranges[i].offset - at);
        at = (size_t)ranges[i].offset + ranges[i].len;
    }
    ly_buf_add(out, wire.ptr + at, wire.len - at);
    return ly_buf_status(out, "span", err);
}

/* Ranges come from a pure function of ours over bytes of a stranger: hold it to its word. */
static bool ranges_valid(ly_str wire, const ly_range *ranges, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].offset < at || ranges[i].len == 0 || ranges[i].offset > wire.len ||
            ranges[i].len > wire.len - ranges[i].offset)
            return false;
        at = (size_t)ranges[i].offset + ranges[i].len;
    }
    return true;
}

ly_status ly_payload_put(ly_store *store, ly_epoch_state *epoch, ly_str wire,
                         const ly_range *ranges, size_t n, int64_t *ret_number, ly_err *err)
{
    if (!ranges_valid(wire, ranges, n))
        n = 0;
    ly_status st = skeleton(store, epoch, wire, ranges, n, err);
    int64_t dict = -1;
    ly_str data = LY_STR_NONE;
    ly_str bones = ly_buf_view(&store->buf);
    if (!st)
        st = ly_pack(store, bones, &dict, &data, err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(&store->db, "INSERT INTO payload (id, data) VALUES (?1, ?2)", &s, err);
    if (st)
        return st;
    ly_buf *row = &store->buf2;
    ly_buf_reset(row);
    put_varint(row, (uint64_t)(dict + 1));
    put_varint(row, bones.len);
    ly_buf_str(row, data);
    st = ly_buf_status(row, "span", err);
    if (st)
        return st;
    int64_t number = epoch->next_payload;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch->day) | number);
    ly_bind_blob(s, 2, row->ptr, row->len);
    st = ly_db_run(&store->db, s, err);
    if (st)
        return st;
    epoch->next_payload++;
    epoch->changed = true;
    *ret_number = number;
    return LY_OK;
}

static ly_status damaged(ly_store *store, ly_err *err)
{
    return LY_FAIL(err, LY_E_CORRUPT, "%s: a span's stored form is damaged; see `lydite db check`",
                   store->db.path);
}

/* Unpacks the skeleton of a row's data into `bones`. */
static ly_status unpack_skeleton(ly_store *store, ly_str data, ly_buf *bones, ly_err *err)
{
    uint64_t dict = 0, size = 0;
    if (!get_varint(&data, &dict) || !get_varint(&data, &size) || size > 2 * LY_MAX_REQUEST_BYTES ||
        dict > INT32_MAX)
        return damaged(store, err);
    char *room = ly_buf_room(bones, (size_t)size + 1);
    if (!room)
        return ly_buf_status(bones, "span", err);
    ly_status st = ly_unpack(store, (int64_t)dict - 1, data, (size_t)size, room, err);
    if (!st)
        ly_buf_advance(bones, (size_t)size);
    return st;
}

static ly_status join(ly_store *store, int64_t epoch, ly_str bones, ly_buf *out, ly_err *err)
{
    uint64_t n = 0;
    if (!get_varint(&bones, &n) || n > bones.len)
        return damaged(store, err);
    /* First pass over the list: where the literals begin. */
    ly_str list = bones;
    uint64_t total = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = 0, step = 0;
        if (!get_varint(&list, &len) || !get_varint(&list, &step) || len > bones.len)
            return damaged(store, err);
        total += len;
    }
    ly_str literals = list;
    if (total > literals.len)
        return damaged(store, err);
    int64_t last = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = 0, step = 0;
        if (!get_varint(&bones, &len) || !get_varint(&bones, &step))
            return damaged(store, err);
        ly_buf_add(out, literals.ptr, (size_t)len);
        literals.ptr += len;
        literals.len -= (size_t)len;
        last += unzigzag(step) + 1;
        ly_status st = ly_content_load(store, epoch, last, out, err);
        if (st)
            return st;
    }
    ly_buf_str(out, literals);
    return ly_buf_status(out, "span", err);
}

ly_status ly_payload_load(ly_store *store, int64_t epoch, int64_t number, ly_arena *arena,
                          ly_str *ret_wire, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, "SELECT data FROM payload WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch) | number);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    ly_buf_reset(&store->buf);
    ly_buf_reset(&store->buf2);
    if (!st && !row)
        st = damaged(store, err);
    if (!st)
        st = unpack_skeleton(store, ly_col_str(s, 0), &store->buf, err);
    ly_db_reset(s);
    if (!st)
        st = join(store, epoch, ly_buf_view(&store->buf), &store->buf2, err);
    if (st)
        return st;
    *ret_wire = ly_arena_copy(arena, ly_buf_view(&store->buf2));
    return ret_wire->ptr ? LY_OK : LY_NOMEM(err);
}

ly_status ly_payload_refs(ly_store *store, ly_str data, ly_arena *arena, int64_t **ret_numbers,
                          size_t *ret_n, ly_err *err)
{
    ly_buf_reset(&store->buf);
    ly_status st = unpack_skeleton(store, data, &store->buf, err);
    if (st)
        return st;
    ly_str bones = ly_buf_view(&store->buf);
    uint64_t n = 0;
    if (!get_varint(&bones, &n) || n > bones.len)
        return damaged(store, err);
    int64_t *numbers = LY_ARENA_ARRAY(arena, int64_t, (size_t)n + 1);
    if (!numbers)
        return LY_NOMEM(err);
    int64_t last = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = 0, step = 0;
        if (!get_varint(&bones, &len) || !get_varint(&bones, &step))
            return damaged(store, err);
        last += unzigzag(step) + 1;
        numbers[i] = last;
    }
    *ret_numbers = numbers;
    *ret_n = (size_t)n;
    return LY_OK;
}
