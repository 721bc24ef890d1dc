/*
 * The wire form of a record as it is stored: byte splicing. Where a piece of content stands in the
 * bytes, a reference to it is kept instead, and where an id or time stands that the record's row has
 * anyway, a mark; joining the parts gives the same bytes again, whatever they are, so export is exact
 * by construction.
 *
 *     skeleton = varint(n) { varint(literal bytes before) varint(code) } * n
 *                literals, one after another; what is left over follows the last piece
 *     code     = 0..4 trace id, span id, parent id, start, end of the row;
 *                else 5 + zigzag(content number - previous number - 1)
 *
 * Numbers of a conversation's messages grow, so most differences take one or two bytes. Skeletons are
 * stored as bundle.c says.
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

/* ---- what the row has anyway ---- */

enum { MARK_TRACE, MARK_SPAN, MARK_PARENT, MARK_START, MARK_END, MARKS };

static ly_str mark_bytes(const ly_row_ids *ids, int mark)
{
    switch (mark) {
    case MARK_TRACE:
        return ly_str_n(&ids->trace_id, 16);
    case MARK_SPAN:
        return ly_str_n(&ids->span_id, 8);
    case MARK_PARENT:
        return ly_str_n(&ids->parent_id, 8);
    case MARK_START:
        return ly_str_n(ids->start, 8);
    default:
        return ly_str_n(ids->end, 8);
    }
}

void ly_row_ids_set(ly_row_ids *ids, ly_trace_id trace, ly_span_id span, ly_span_id parent,
                    int64_t start_ns, int64_t end_ns)
{
    ids->trace_id = trace;
    ids->span_id = span;
    ids->parent_id = parent;
    for (int i = 0; i < 8; i++) {
        ids->start[i] = (uint8_t)((uint64_t)start_ns >> (8 * i));
        ids->end[i] = (uint8_t)((uint64_t)end_ns >> (8 * i));
    }
}

typedef struct splice {
    uint32_t offset, len;
    int mark; /* -1 = content */
} splice;

/* Looks at the top-level fields of a span from the front, as far as they are in order and plain. Returns
 * how many marks were put into `out` (at most MARKS), in order of offset. */
static size_t find_marks(ly_str wire, const ly_row_ids *ids, splice out[static MARKS])
{
    static const uint8_t tags[] = {0x0a, 0x12, 0x22, 0x39, 0x41};
    size_t n = 0, at = 0;
    unsigned seen = 0;
    while (at < wire.len && n < MARKS) {
        uint8_t tag = (uint8_t)wire.ptr[at++];
        int mark = -1;
        for (int i = 0; i < MARKS; i++)
            if (tags[i] == tag)
                mark = i;
        size_t len;
        if ((tag & 7) == 1) {
            len = 8;
        } else if ((tag & 7) == 2) {
            ly_str rest = ly_str_sub(wire, at, SIZE_MAX);
            uint64_t v = 0;
            if (!get_varint(&rest, &v) || v > rest.len)
                break;
            at = wire.len - rest.len;
            len = (size_t)v;
        } else if ((tag & 7) == 0) {
            ly_str rest = ly_str_sub(wire, at, SIZE_MAX);
            uint64_t v = 0;
            if (!get_varint(&rest, &v))
                break;
            at = wire.len - rest.len;
            continue;
        } else if ((tag & 7) == 5) {
            len = 4;
        } else {
            break;
        }
        if (tag >= 0x80 || len > wire.len - at)
            break;
        if (mark >= 0 && !(seen & 1u << mark) &&
            ly_str_eq(ly_str_sub(wire, at, len), mark_bytes(ids, mark))) {
            out[n++] = (splice){(uint32_t)at, (uint32_t)len, mark};
            seen |= 1u << mark;
        }
        at += len;
    }
    return n;
}

/* Marks and content in one list, in order of offset. */
static splice *merge(ly_store *store, const splice *marks, size_t n_marks, const ly_range *ranges,
                     size_t n, size_t *ret_n)
{
    splice *all = LY_ARENA_ARRAY(&store->scratch, splice, n + n_marks + 1);
    size_t i = 0, k = 0, out = 0, end = 0;
    while (all && (i < n || k < n_marks)) {
        bool take_mark = k < n_marks && (i == n || marks[k].offset < ranges[i].offset);
        splice next = take_mark ? marks[k++] : (splice){ranges[i].offset, ranges[i].len, -1};
        i += !take_mark;
        if (next.offset < end)
            continue;
        end = (size_t)next.offset + next.len;
        all[out++] = next;
    }
    *ret_n = out;
    return all;
}

/* The skeleton into store->buf. */
static ly_status skeleton(ly_store *store, ly_epoch_state *epoch, ly_str wire, const splice *parts,
                          size_t n, ly_err *err)
{
    ly_buf *out = &store->buf;
    ly_buf_reset(out);
    put_varint(out, n);
    size_t at = 0;
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        put_varint(out, parts[i].offset - at);
        at = (size_t)parts[i].offset + parts[i].len;
        if (parts[i].mark >= 0) {
            put_varint(out, (uint64_t)parts[i].mark);
            continue;
        }
        int64_t number = 0;
        ly_status st = ly_content_put(store, epoch, ly_str_sub(wire, parts[i].offset, parts[i].len),
                                      &number, err);
        if (st)
            return st;
        put_varint(out, MARKS + zigzag(number - last - 1));
        last = number;
    }
    at = 0;
    for (size_t i = 0; i < n; i++) {
        ly_buf_add(out, wire.ptr + at, parts[i].offset - at);
        at = (size_t)parts[i].offset + parts[i].len;
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

ly_status ly_payload_put(ly_store *store, ly_epoch_state *epoch, ly_str wire, const ly_row_ids *ids,
                         const ly_range *ranges, size_t n, int64_t *ret_number, ly_err *err)
{
    if (!ranges_valid(wire, ranges, n))
        n = 0;
    splice marks[MARKS];
    size_t n_marks = ids ? find_marks(wire, ids, marks) : 0, n_parts = 0;
    splice *parts = merge(store, marks, n_marks, ranges, n, &n_parts);
    if (!parts)
        return LY_NOMEM(err);
    ly_status st = skeleton(store, epoch, wire, parts, n_parts, err);
    int64_t number = epoch->next_payload;
    if (!st)
        st = ly_bundle_add(store, LY_PACK_PAYLOAD, LY_EPOCH_BASE(epoch->day) | number,
                           ly_buf_view(&store->buf), err);
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

static ly_status join(ly_store *store, int64_t epoch, const ly_row_ids *ids, ly_str bones,
                      ly_buf *out, ly_err *err)
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
        if (step < MARKS) {
            if (!ids)
                return damaged(store, err);
            ly_buf_str(out, mark_bytes(ids, (int)step));
            continue;
        }
        last = ly_wrap_add(last, ly_wrap_add(unzigzag(step - MARKS), 1));
        ly_status st = ly_content_load(store, epoch, last, out, err);
        if (st)
            return st;
    }
    ly_buf_str(out, literals);
    return ly_buf_status(out, "span", err);
}

ly_status ly_payload_load(ly_store *store, int64_t epoch, int64_t number, const ly_row_ids *ids,
                          ly_arena *arena, ly_str *ret_wire, ly_err *err)
{
    ly_str bones = LY_STR_NONE;
    ly_status st =
        ly_bundle_get(store, LY_PACK_PAYLOAD, LY_EPOCH_BASE(epoch) | number, &bones, err);
    ly_buf_reset(&store->buf2);
    if (!st && !bones.len)
        st = damaged(store, err);
    if (!st)
        st = join(store, epoch, ids, bones, &store->buf2, err);
    if (st)
        return st;
    *ret_wire = ly_arena_copy(arena, ly_buf_view(&store->buf2));
    return ret_wire->ptr ? LY_OK : LY_NOMEM(err);
}

/* The content numbers of a skeleton; *ret_rest is what follows its list. */
static ly_status skeleton_refs(ly_store *store, ly_str bones, ly_arena *arena,
                               int64_t **ret_numbers, size_t *ret_n, ly_str *ret_rest, ly_err *err)
{
    uint64_t n = 0;
    if (!get_varint(&bones, &n) || n > bones.len)
        return damaged(store, err);
    int64_t *numbers = LY_ARENA_ARRAY(arena, int64_t, (size_t)n + 1);
    if (!numbers)
        return LY_NOMEM(err);
    int64_t last = 0;
    size_t found = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = 0, code = 0;
        if (!get_varint(&bones, &len) || !get_varint(&bones, &code))
            return damaged(store, err);
        if (code < MARKS)
            continue;
        last = ly_wrap_add(last, ly_wrap_add(unzigzag(code - MARKS), 1));
        numbers[found++] = last;
    }
    *ret_numbers = numbers;
    *ret_n = found;
    *ret_rest = bones;
    return LY_OK;
}

ly_status ly_payload_parts(ly_store *store, int64_t id, ly_arena *arena, int64_t **ret_numbers,
                           size_t *ret_n, ly_str *ret_rest, ly_err *err)
{
    ly_str bones = LY_STR_NONE;
    *ret_n = 0;
    *ret_rest = LY_STR_NONE;
    ly_status st = ly_bundle_get(store, LY_PACK_PAYLOAD, id, &bones, err);
    return st || !bones.len ? st
                            : skeleton_refs(store, bones, arena, ret_numbers, ret_n, ret_rest, err);
}
