/*
 * ly_doc over cJSON. A ly_doc pointer is a cJSON pointer; nothing of cJSON's parser, printer or
 * look-up is used, only its tree and its memory rules. A number that a double would round is a
 * cJSON_Raw node with its digits.
 */
#include "text/doc.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"

#define EXACT 9007199254740992.0 /* 2^53 */

static cJSON *node_of(ly_doc *doc)
{
    return (cJSON *)(void *)doc;
}

static const cJSON *read_of(const ly_doc *doc)
{
    return (const cJSON *)(const void *)doc;
}

static ly_doc *doc_of(cJSON *node)
{
    return (ly_doc *)(void *)node;
}

static const ly_doc *shown(const cJSON *node)
{
    return (const ly_doc *)(const void *)node;
}

/* ---- making nodes ---- */

/* NULL when memory is out or s holds a zero byte, which cJSON's strings cannot. */
static cJSON *new_string(ly_str s, bool *ret_zero)
{
    *ret_zero = s.len > 0 && memchr(s.ptr, 0, s.len) != NULL;
    char *copy = *ret_zero ? NULL : ly_str_dup(s);
    cJSON *node = copy ? cJSON_CreateString(copy) : NULL;
    ly_free(copy);
    return node;
}

static cJSON *new_i64(int64_t value)
{
    if (value >= -(int64_t)EXACT && value <= (int64_t)EXACT) {
        return cJSON_CreateNumber((double)value);
    }
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return cJSON_CreateRaw(text);
}

static cJSON *new_number(const ly_json *node)
{
    if (node->kind == LY_JSON_INT) {
        return new_i64(node->integer);
    }
    if (isfinite(node->real) && (node->raw.len == 0 || fabs(node->real) < EXACT)) {
        return cJSON_CreateNumber(node->real);
    }
    char *copy = ly_str_dup(node->raw);
    cJSON *raw = copy ? cJSON_CreateRaw(copy) : NULL;
    ly_free(copy);
    return raw;
}

/* Puts a child under a name; takes the child over in any case. */
static bool attach(cJSON *parent, ly_str key, cJSON *child)
{
    char *name = ly_str_dup(key);
    bool ok = name && cJSON_AddItemToObject(parent, name, child);
    ly_free(name);
    if (!ok) {
        cJSON_Delete(child);
    }
    return ok;
}

typedef struct maker {
    ly_err *err;
    ly_status status;
} maker;

static cJSON *failed(maker *m, ly_status status)
{
    m->status = status;
    return NULL;
}

/* The depth of the tree was limited when it was parsed. */
static cJSON *from_tree(maker *m, const ly_json *node);

static cJSON *from_array(maker *m, const ly_json *node)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < node->array.n; i++) {
        cJSON *child = from_tree(m, &node->array.items[i]);
        if (!child || !cJSON_AddItemToArray(array, child)) {
            cJSON_Delete(child);
            cJSON_Delete(array);
            return failed(m, m->status != LY_OK ? m->status : LY_NOMEM(m->err));
        }
    }
    return array ? array : failed(m, LY_NOMEM(m->err));
}

static cJSON *from_object(maker *m, const ly_json *node)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object && i < node->object.n; i++) {
        const ly_json_member *member = &node->object.items[i];
        if (&member->value != ly_json_get_str(node, member->key)) {
            cJSON_Delete(object);
            return failed(m, LY_FAIL(m->err, LY_E_FORMAT, "member \"%.*s\" stands twice",
                                     LY_STR_ARG(member->key)));
        }
        if (memchr(member->key.ptr ? member->key.ptr : "", 0, member->key.len)) {
            cJSON_Delete(object);
            return failed(m, LY_FAIL(m->err, LY_E_INVALID, "member name holds a zero byte"));
        }
        cJSON *child = from_tree(m, &member->value);
        if (!child || !attach(object, member->key, child)) {
            cJSON_Delete(object);
            return failed(m, m->status != LY_OK ? m->status : LY_NOMEM(m->err));
        }
    }
    return object ? object : failed(m, LY_NOMEM(m->err));
}

static cJSON *from_tree(maker *m, const ly_json *node)
{
    bool zero = false;
    cJSON *made = NULL;
    switch (node->kind) {
    case LY_JSON_NULL:
        made = cJSON_CreateNull();
        break;
    case LY_JSON_BOOL:
        made = cJSON_CreateBool(node->boolean);
        break;
    case LY_JSON_INT:
    case LY_JSON_REAL:
        made = new_number(node);
        break;
    case LY_JSON_STRING:
        made = new_string(node->str, &zero);
        break;
    case LY_JSON_ARRAY:
        return from_array(m, node);
    case LY_JSON_OBJECT:
        return from_object(m, node);
    }
    if (zero) {
        return failed(m, LY_FAIL(m->err, LY_E_INVALID, "a string holds a zero byte (\\u0000)"));
    }
    return made ? made : failed(m, LY_NOMEM(m->err));
}

ly_status ly_doc_from_json(const ly_json *node, ly_doc **ret_doc, ly_err *err)
{
    maker m = {err, LY_OK};
    cJSON *made = from_tree(&m, node);
    if (!made) {
        return m.status;
    }
    *ret_doc = doc_of(made);
    return LY_OK;
}

ly_status ly_doc_parse(ly_str text, ly_doc **ret_doc, ly_err *err)
{
    ly_arena arena;
    ly_json *tree;
    ly_arena_init(&arena, 0, 0);
    ly_status status = ly_json_parse(text, &arena, &tree, err);
    if (status == LY_OK) {
        status = ly_doc_from_json(tree, ret_doc, err);
    }
    ly_arena_release(&arena);
    return status;
}

ly_doc *ly_doc_new_object(void)
{
    return doc_of(cJSON_CreateObject());
}

static ly_doc *new_array(void)
{
    return doc_of(cJSON_CreateArray());
}

void ly_doc_free(ly_doc *doc)
{
    cJSON_Delete(node_of(doc));
}

/* ---- reading ---- */

static cJSON *find(const cJSON *object, const char *key)
{
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    for (cJSON *child = object->child; child; child = child->next) {
        if (child->string && strcmp(child->string, key) == 0) {
            return child;
        }
    }
    return NULL;
}

const ly_doc *ly_doc_get(const ly_doc *object, const char *key)
{
    return shown(find(read_of(object), key));
}

const ly_doc *ly_doc_first(const ly_doc *parent)
{
    return parent ? shown(read_of(parent)->child) : NULL;
}

const ly_doc *ly_doc_next(const ly_doc *child)
{
    return child ? shown(read_of(child)->next) : NULL;
}

const char *ly_doc_name(const ly_doc *child)
{
    return child && read_of(child)->string ? read_of(child)->string : "";
}

/* The node as a value of ours, children left out. */
static ly_json value_of(const cJSON *node)
{
    ly_json value = {.kind = LY_JSON_NULL};
    if (cJSON_IsBool(node)) {
        value.kind = LY_JSON_BOOL;
        value.boolean = cJSON_IsTrue(node) != 0;
    } else if (cJSON_IsNumber(node)) {
        double real = node->valuedouble;
        bool whole = fabs(real) <= EXACT && real == floor(real) && !(real == 0 && signbit(real));
        value.kind = whole ? LY_JSON_INT : LY_JSON_REAL;
        if (whole) {
            value.integer = (int64_t)real;
        } else {
            value.real = real;
        }
    } else if (cJSON_IsRaw(node)) {
        ly_str raw = ly_str_c(node->valuestring);
        value.raw = raw;
        if (ly_str_to_i64(raw, &value.integer)) {
            value.kind = LY_JSON_INT;
        } else {
            double real = (double)INFINITY;
            value.kind = LY_JSON_REAL;
            (void)!ly_str_to_double(raw, &real);
            value.real = real;
        }
    } else if (cJSON_IsString(node)) {
        value.kind = LY_JSON_STRING;
        value.str = ly_str_c(node->valuestring);
    } else if (cJSON_IsArray(node)) {
        value.kind = LY_JSON_ARRAY;
    } else if (cJSON_IsObject(node)) {
        value.kind = LY_JSON_OBJECT;
    }
    return value;
}

ly_json_kind ly_doc_kind(const ly_doc *doc)
{
    return value_of(read_of(doc)).kind;
}

ly_str ly_doc_str(const ly_doc *doc)
{
    return doc && cJSON_IsString(read_of(doc)) ? ly_str_c(read_of(doc)->valuestring) : LY_STR_NONE;
}

bool ly_doc_i64(const ly_doc *doc, int64_t *ret)
{
    ly_json value = value_of(read_of(doc));
    return doc && ly_json_i64(&value, ret);
}

bool ly_doc_double(const ly_doc *doc, double *ret)
{
    ly_json value = value_of(read_of(doc));
    return doc && ly_json_double(&value, ret);
}

bool ly_doc_bool(const ly_doc *doc, bool *ret)
{
    ly_json value = value_of(read_of(doc));
    return doc && ly_json_bool(&value, ret);
}

/* ---- changing ---- */

ly_status ly_doc_set(ly_doc *object, const char *key, ly_doc *child)
{
    cJSON *parent = node_of(object), *node = node_of(child);
    if (!node) {
        return LY_E_NOMEM;
    }
    if (!cJSON_IsObject(parent) || !key) {
        cJSON_Delete(node);
        return LY_E_INVALID;
    }
    if (!find(parent, key)) {
        return attach(parent, ly_str_c(key), node) ? LY_OK : LY_E_NOMEM;
    }
    if (!cJSON_ReplaceItemInObjectCaseSensitive(parent, key, node)) {
        cJSON_Delete(node);
        return LY_E_NOMEM;
    }
    return LY_OK;
}

ly_status ly_doc_set_str(ly_doc *object, const char *key, ly_str value)
{
    bool zero;
    cJSON *node = new_string(value, &zero);
    return zero ? LY_E_INVALID : ly_doc_set(object, key, doc_of(node));
}

ly_status ly_doc_set_i64(ly_doc *object, const char *key, int64_t value)
{
    return ly_doc_set(object, key, doc_of(new_i64(value)));
}

ly_status ly_doc_set_double(ly_doc *object, const char *key, double value)
{
    return isfinite(value) ? ly_doc_set(object, key, doc_of(cJSON_CreateNumber(value)))
                           : LY_E_INVALID;
}

ly_status ly_doc_set_bool(ly_doc *object, const char *key, bool value)
{
    return ly_doc_set(object, key, doc_of(cJSON_CreateBool(value)));
}

static ly_doc *put_object(ly_doc *object, const char *key)
{
    ly_doc *child = ly_doc_new_object();
    return ly_doc_set(object, key, child) == LY_OK ? child : NULL;
}

ly_doc *ly_doc_put_array(ly_doc *object, const char *key)
{
    ly_doc *child = new_array();
    return ly_doc_set(object, key, child) == LY_OK ? child : NULL;
}

ly_status ly_doc_append(ly_doc *array, ly_doc *child)
{
    cJSON *parent = node_of(array), *node = node_of(child);
    if (!node) {
        return LY_E_NOMEM;
    }
    if (!cJSON_IsArray(parent) || !cJSON_AddItemToArray(parent, node)) {
        cJSON_Delete(node);
        return LY_E_INVALID;
    }
    return LY_OK;
}

ly_status ly_doc_append_str(ly_doc *array, ly_str value)
{
    bool zero;
    cJSON *node = new_string(value, &zero);
    return zero ? LY_E_INVALID : ly_doc_append(array, doc_of(node));
}

ly_doc *ly_doc_append_object(ly_doc *array)
{
    ly_doc *child = ly_doc_new_object();
    return ly_doc_append(array, child) == LY_OK ? child : NULL;
}

void ly_doc_remove(ly_doc *object, const char *key)
{
    cJSON *child = find(node_of(object), key);
    if (child) {
        cJSON_Delete(cJSON_DetachItemViaPointer(node_of(object), child));
    }
}

/* RFC 7396: an object in the patch is merged into an object, everything else replaces. */
ly_status ly_doc_merge(ly_doc *object, const ly_doc *patch)
{
    if (!cJSON_IsObject(node_of(object)) || !cJSON_IsObject(read_of(patch))) {
        return LY_E_INVALID;
    }
    ly_status status = LY_OK;
    for (const cJSON *p = read_of(patch)->child; p && status == LY_OK; p = p->next) {
        cJSON *old = find(node_of(object), p->string);
        if (cJSON_IsNull(p)) {
            ly_doc_remove(object, p->string);
        } else if (!cJSON_IsObject(p)) {
            status = ly_doc_set(object, p->string, doc_of(cJSON_Duplicate(p, true)));
        } else {
            ly_doc *inner = cJSON_IsObject(old) ? doc_of(old) : put_object(object, p->string);
            status = inner ? ly_doc_merge(inner, shown(p)) : LY_E_NOMEM;
        }
    }
    return status;
}

/* ---- writing ---- */

/* A tree that nests past the writer's limit sets its `misused`, which stops the descent. */
static void put(ly_jsonw *w, const cJSON *node)
{
    ly_json value = value_of(node);
    if (w->misused) {
        return;
    }
    if (value.kind == LY_JSON_ARRAY || value.kind == LY_JSON_OBJECT) {
        bool object = value.kind == LY_JSON_OBJECT;
        (object ? ly_jsonw_object : ly_jsonw_array)(w);
        for (const cJSON *child = node->child; child && !w->misused; child = child->next) {
            if (object) {
                ly_jsonw_key(w, child->string);
            }
            put(w, child);
        }
        (object ? ly_jsonw_object_end : ly_jsonw_array_end)(w);
        return;
    }
    ly_jsonw_tree(w, &value);
}

ly_status ly_doc_put(const ly_doc *doc, unsigned flags, ly_buf *out, ly_err *err)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, flags);
    put(&w, read_of(doc));
    return ly_jsonw_end(&w, err);
}
