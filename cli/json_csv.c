#include "cli/json_csv.h"

#include "base/mem.h"
#include "text/csv.h"
#include "text/json.h"

void ly_json_csv_init(ly_json_csv *csv)
{
    *csv = (ly_json_csv){0};
    ly_arena_init(&csv->arena, 0, LY_MIB(1));
}

void ly_json_csv_release(ly_json_csv *csv)
{
    ly_arena_release(&csv->arena);
}

static ly_status heads_of(ly_json_csv *csv, const ly_json *row, ly_err *err)
{
    csv->heads = LY_ARENA_ARRAY(&csv->arena, ly_str, row->object.n + 1);
    if (csv->heads == NULL) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < row->object.n; i++) {
        csv->heads[i] = ly_arena_copy(&csv->arena, row->object.items[i].key);
    }
    csv->n = row->object.n;
    return LY_OK;
}

static void put_heading(ly_json_csv *csv, ly_buf *out)
{
    for (size_t i = 0; i < csv->n; i++) {
        ly_csv_put(out, csv->heads[i], i == 0, LY_CSV_REPORT);
    }
    ly_csv_put_end(out);
    csv->headed = true;
}

static ly_str text_of(const ly_json *value)
{
    if (value == NULL || value->kind == LY_JSON_NULL) {
        return LY_S("");
    }
    return value->kind == LY_JSON_STRING ? value->str : value->raw;
}

ly_status ly_json_csv_heads(ly_json_csv *csv, const char *const *names, size_t n, ly_err *err)
{
    csv->heads = LY_ARENA_ARRAY(&csv->arena, ly_str, n + 1);
    if (csv->heads == NULL) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        csv->heads[i] = ly_str_c(names[i]);
    }
    csv->n = n;
    return LY_OK;
}

ly_status ly_json_csv_put(ly_json_csv *csv, ly_cli *cli, ly_str lines, ly_err *err)
{
    ly_arena work;
    ly_buf out;
    ly_str line;
    ly_status st = LY_OK;
    ly_arena_init(&work, 0, LY_MIB(64));
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    while (st == LY_OK && lines.len > 0 && ly_str_split(&lines, '\n', &line)) {
        ly_json *row = NULL;
        if (line.len == 0) {
            continue;
        }
        ly_arena_reset(&work);
        st = ly_json_parse(line, &work, &row, err);
        if (st == LY_OK && !ly_json_is(row, LY_JSON_OBJECT)) {
            st = LY_FAIL(err, LY_E_FORMAT, "a row of CSV is an object, not %s",
                         ly_json_kind_text(row));
        }
        if (st == LY_OK && csv->heads == NULL) {
            st = heads_of(csv, row, err);
        }
        if (st == LY_OK && !csv->headed) {
            put_heading(csv, &out);
        }
        for (size_t i = 0; st == LY_OK && i < csv->n; i++) {
            ly_csv_put(&out, text_of(ly_json_get_str(row, csv->heads[i])), i == 0, LY_CSV_REPORT);
        }
        if (st == LY_OK) {
            ly_csv_put_end(&out);
        }
    }
    if (st == LY_OK) {
        st = ly_buf_status(&out, "the CSV", err);
    }
    if (st == LY_OK) {
        (void)fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    }
    ly_buf_release(&out);
    ly_arena_release(&work);
    return st;
}
