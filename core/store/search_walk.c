/* Text, columns and parameters of a filter as SQL. */
#include "store/search_walk.h"
#include "store/text.h"

void ly_walk_text(walk *w, const char *fragment)
{
    if (w->sql != NULL) {
        ly_buf_c(w->sql, fragment);
    }
}

void ly_walk_column(walk *w, const char *name)
{
    if (w->sql != NULL) {
        ly_buf_fmt(w->sql, "s%d.%s", w->alias, name);
    }
}

void ly_walk_param(walk *w)
{
    if (w->sql != NULL) {
        ly_buf_fmt(w->sql, "?%d", w->next);
    }
}

void ly_walk_int(walk *w, int64_t v)
{
    ly_walk_param(w);
    if (w->stmt != NULL) {
        ly_bind_int(w->stmt, w->next, v);
    }
    w->next++;
}

void ly_walk_real(walk *w, double v)
{
    ly_walk_param(w);
    if (w->stmt != NULL) {
        ly_bind_real(w->stmt, w->next, v);
    }
    w->next++;
}

void ly_walk_str(walk *w, ly_str v)
{
    ly_walk_param(w);
    if (w->stmt != NULL) {
        ly_bind_text(w->stmt, w->next, v);
    }
    w->next++;
}

void ly_walk_blob(walk *w, const void *bytes, size_t n)
{
    ly_walk_param(w);
    if (w->stmt != NULL &&
        sqlite3_bind_blob64(w->stmt, w->next, bytes, n, SQLITE_TRANSIENT) != SQLITE_OK) {
        w->st = LY_NOMEM(w->err);
    }
    w->next++;
}

void ly_walk_word(walk *w, ly_str word)
{
    int64_t id = 0;
    if (w->stmt != NULL && w->st == LY_OK) {
        w->st = ly_word_get(w->db, word, &id, w->err);
    }
    ly_walk_int(w, id);
}

void ly_walk_set(walk *w, const ly_filter_node *n)
{
    ly_walk_param(w);
    if (w->stmt != NULL && w->st == LY_OK) {
        w->st = ly_search_bind_set(w->db, w->stmt, w->next, n, w->err);
    }
    w->next++;
}

void ly_walk_node(walk *w, const ly_filter_node *n)
{
    ly_walk_param(w);
    if (w->stmt != NULL && sqlite3_bind_pointer(w->stmt, w->next, (void *)(uintptr_t)n,
                                                LY_SEARCH_NODE, NULL) != SQLITE_OK) {
        w->st = LY_NOMEM(w->err);
    }
    w->next++;
}

void ly_walk_may(walk *w, const ly_filter_node *n)
{
    ly_walk_text(w, "ly_text_may(");
    ly_walk_param(w);
    if (w->stmt != NULL && w->st == LY_OK && ly_text_usable(n)) {
        ly_text_hits *hits = NULL;
        w->st = ly_text_find(ly_db_store(w->db), n, &hits, w->err);
        /* SQLite gives the reference back in every case. */
        if (w->st == LY_OK && sqlite3_bind_pointer(w->stmt, w->next, hits, LY_SEARCH_TEXT,
                                                   ly_text_hits_free) != SQLITE_OK) {
            w->st = LY_NOMEM(w->err);
        }
    }
    w->next++;
    ly_walk_text(w, ", t.no)");
}
