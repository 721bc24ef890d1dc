/*
 * Usage: the ledger's sums in 15-minute UTC buckets, kept beside each ledger line.
 */
#include "store/internal.h"

#include "base/clock.h"

#define BUCKET_NS (900 * LY_NS_PER_SEC)

static int64_t signed_known(int sign, int64_t v)
{
    return v == LY_UNKNOWN ? 0 : sign * v;
}

ly_status ly_usage_apply(ly_db *db, const ly_charge *c, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "INSERT INTO usage (bucket, origin, provider, model, service, env, prompt_name, "
        "prompt_version, n,"
        " n_unpriced, in_fresh, cache_read, cache_write, cache_write_1h, out_visible, "
        "out_reasoning,"
        " unattributed, amount_pico)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
        " ON CONFLICT DO UPDATE SET n = n + ?9, n_unpriced = n_unpriced + ?10, in_fresh = in_fresh "
        "+ ?11,"
        " cache_read = cache_read + ?12, cache_write = cache_write + ?13,"
        " cache_write_1h = cache_write_1h + ?14, out_visible = out_visible + ?15,"
        " out_reasoning = out_reasoning + ?16, unattributed = unattributed + ?17,"
        " amount_pico = amount_pico + ?18",
        &s, err);
    if (st)
        return st;
    int64_t bucket = c->at_ns / BUCKET_NS - (c->at_ns % BUCKET_NS < 0);
    const int64_t values[] = {
        bucket,
        c->origin,
        c->provider,
        c->model,
        c->service,
        c->env,
        c->prompt_name,
        c->prompt_version,
        c->sign,
        c->amount_pico == LY_UNKNOWN ? c->sign : 0,
        signed_known(c->sign, c->tokens.in_fresh),
        signed_known(c->sign, c->tokens.cache_read),
        signed_known(c->sign, c->tokens.cache_write),
        signed_known(c->sign, c->tokens.cache_write_1h),
        signed_known(c->sign, c->tokens.out_visible),
        signed_known(c->sign, c->tokens.out_reasoning),
        signed_known(c->sign, c->tokens.unattributed),
        signed_known(c->sign, c->amount_pico),
    };
    for (size_t i = 0; i < LY_COUNT(values); i++)
        ly_bind_int(s, (int)i + 1, values[i]);
    return ly_db_run(db, s, err);
}
