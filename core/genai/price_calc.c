/*
 * The arithmetic of a charge.
 *
 * A usage is cut into disjoint cells: (class of token) x (modality), and the fees. Each cell looks for
 * its price along a chain of ever more general units, the user's own row before the book's at each step:
 *
 *     fresh input    IN[m]   IN
 *     tool input     TOOL[m] TOOL  IN[m] IN
 *     cache read     CR[m]   CR
 *     cache write    CW[m]   CW    CW5[m] CW5      (lifetime not said: 5 minutes is the usual one)
 *      5 minutes     CW5[m]  CW5   CW[m]  CW
 *      1 hour        CW1[m]  CW1   CW[m]  CW
 *     output         OUT[m]  OUT
 *     reasoning      REASON[m] REASON OUT[m] OUT
 *     citation       CITE[m] CITE  OUT[m] OUT
 *
 * No chain leads from the cache to input: see price.h. Amounts are added over one common denominator
 * (9e9, the least common multiple of all `per`) and rounded once.
 */
#include "genai/price_i.h"

enum { ANY, TEXT, AUDIO, IMAGE, VIDEO, MODALITIES };
enum { C_IN, C_TOOL, C_CR, C_CW, C_CW5, C_CW1, C_OUT, C_REASON, C_CITE, CLASSES };

static const uint8_t unit_of[CLASSES][MODALITIES] = {
    [C_IN] = {LY_UNIT_IN, LY_UNIT_TEXT_IN, LY_UNIT_AUDIO_IN, LY_UNIT_IMAGE_IN, LY_UNIT_VIDEO_IN},
    [C_TOOL] = {LY_UNIT_TOOL_IN, LY_UNIT_TEXT_TOOL_IN, LY_UNIT_AUDIO_TOOL_IN, LY_UNIT_IMAGE_TOOL_IN,
                LY_UNIT_VIDEO_TOOL_IN},
    [C_CR] = {LY_UNIT_CR, LY_UNIT_TEXT_CR, LY_UNIT_AUDIO_CR, LY_UNIT_IMAGE_CR, LY_UNIT_VIDEO_CR},
    [C_CW] = {LY_UNIT_CW, LY_UNIT_TEXT_CW, LY_UNIT_AUDIO_CW, LY_UNIT_IMAGE_CW, LY_UNIT_VIDEO_CW},
    [C_CW5] = {LY_UNIT_CW5, LY_UNIT_TEXT_CW5, LY_UNIT_AUDIO_CW5, LY_UNIT_IMAGE_CW5,
               LY_UNIT_VIDEO_CW5},
    [C_CW1] = {LY_UNIT_CW1, LY_UNIT_TEXT_CW1, LY_UNIT_AUDIO_CW1, LY_UNIT_IMAGE_CW1,
               LY_UNIT_VIDEO_CW1},
    [C_OUT] = {LY_UNIT_OUT, LY_UNIT_TEXT_OUT, LY_UNIT_AUDIO_OUT, LY_UNIT_IMAGE_OUT,
               LY_UNIT_VIDEO_OUT},
    [C_REASON] = {LY_UNIT_REASON, LY_UNIT_TEXT_REASON, LY_UNIT_AUDIO_REASON, LY_UNIT_IMAGE_REASON,
                  LY_UNIT_VIDEO_REASON},
    [C_CITE] = {LY_UNIT_CITE, LY_UNIT_TEXT_CITE, LY_UNIT_AUDIO_CITE, LY_UNIT_IMAGE_CITE,
                LY_UNIT_VIDEO_CITE},
};

/* The class to fall back to; itself = none. */
static const uint8_t fallback_of[CLASSES] = {
    [C_IN] = C_IN,  [C_TOOL] = C_IN, [C_CR] = C_CR,      [C_CW] = C_CW5,   [C_CW5] = C_CW,
    [C_CW1] = C_CW, [C_OUT] = C_OUT, [C_REASON] = C_OUT, [C_CITE] = C_OUT,
};

static const char *const cell_names[CLASSES][MODALITIES] = {
    [C_IN] = {"input", "text input", "audio input", "image input", "video input"},
    [C_TOOL] = {"tool input", "text tool input", "audio tool input", "image tool input",
                "video tool input"},
    [C_CR] = {"cache read", "text cache read", "audio cache read", "image cache read",
              "video cache read"},
    [C_CW] = {"cache write", "text cache write", "audio cache write", "image cache write",
              "video cache write"},
    [C_CW5] = {"cache write 5m", "text cache write 5m", "audio cache write 5m",
               "image cache write 5m", "video cache write 5m"},
    [C_CW1] = {"cache write 1h", "text cache write 1h", "audio cache write 1h",
               "image cache write 1h", "video cache write 1h"},
    [C_OUT] = {"output", "text output", "audio output", "image output", "video output"},
    [C_REASON] = {"reasoning", "text reasoning", "audio reasoning", "image reasoning",
                  "video reasoning"},
    [C_CITE] = {"citation", "text citation", "audio citation", "image citation", "video citation"},
};

/* Counts that are not tokens, disjoint: what is counted, then the units to try. */
static const struct {
    const char *name;
    uint8_t unit, fallback;
} fees[] = {
    {"characters", LY_UNIT_CHARS, LY_UNIT_CHARS},
    {"messages", LY_UNIT_MESSAGES, LY_UNIT_MESSAGES},
    {"audio seconds in", LY_UNIT_AUDIO_S_IN, LY_UNIT_AUDIO_S},
    {"audio seconds out", LY_UNIT_AUDIO_S_OUT, LY_UNIT_AUDIO_S},
    {"audio seconds", LY_UNIT_AUDIO_S, LY_UNIT_AUDIO_S},
    {"pixels", LY_UNIT_PIXELS, LY_UNIT_PIXELS},
    {"annotated pages", LY_UNIT_PAGES_ANN, LY_UNIT_PAGES},
    {"pages", LY_UNIT_PAGES, LY_UNIT_PAGES},
    {"rerank searches", LY_UNIT_RERANKS, LY_UNIT_RERANKS},
    {"web searches", LY_UNIT_WEB, LY_UNIT_WEB},
    {"social searches", LY_UNIT_SOCIAL, LY_UNIT_SOCIAL},
    {"file searches", LY_UNIT_STORAGE, LY_UNIT_STORAGE},
    {"code executions", LY_UNIT_CODE, LY_UNIT_CODE},
    {"requests", LY_UNIT_REQUESTS, LY_UNIT_REQUESTS},
};

#define DENOMINATOR ((ly_rate)9000000000LL)

typedef struct work {
    const ly_price_hit *hit;
    const ly_usage *usage;
    ly_price_sum *sum; /* NULL = no arithmetic wanted */
    ly_rate total;     /* in 1e-18 dollars / DENOMINATOR */
    int64_t input_total;
    int32_t tier;
    bool own_used, base_used, missing, overflow;
} work;

const ly_price *ly_price_row_get(const ly_price_row *row, ly_unit unit)
{
    for (size_t i = 0; row && i < row->n_prices; i++) {
        if (row->prices[i].unit == unit) {
            return &row->prices[i];
        }
    }
    return NULL;
}

static const ly_price *try_unit(work *w, ly_unit unit, bool *ret_own)
{
    const ly_price *price = ly_price_row_get(w->hit->own, unit);
    *ret_own = price != NULL;
    return price ? price : ly_price_row_get(w->hit->base, unit);
}

/* The rate of a price at this total input: the last step that the total is above. */
static ly_rate rate_at(const ly_price *price, int64_t input_total, int32_t *ret_tier)
{
    ly_rate rate = price->base;
    *ret_tier = 0;
    for (size_t i = 0; i < price->n_steps && input_total > price->steps[i].start; i++) {
        rate = price->steps[i].rate;
        *ret_tier = (int32_t)i + 1;
    }
    return rate;
}

static void add_amount(work *w, const ly_cell *cell)
{
    ly_rate scaled, term;
    int64_t scale = (int64_t)(DENOMINATOR / ly_unit_per(cell->unit));
    if (__builtin_mul_overflow(cell->rate, (ly_rate)cell->count, &term) ||
        __builtin_mul_overflow(term, (ly_rate)scale, &scaled) ||
        __builtin_add_overflow(w->total, scaled, &w->total)) {
        w->overflow = true;
    }
}

static bool row_free(const ly_price_row *row)
{
    return row && row->free;
}

/* Prices one cell by the first unit of the chain that has a price. */
static void add_cell(work *w, const char *name, ly_unit counts, int64_t count, const ly_unit *chain,
                     size_t n_chain)
{
    ly_cell cell = {name, counts, LY_UNIT__COUNT, count, 0, 0, false};
    for (size_t i = 0; i < n_chain && cell.unit == LY_UNIT__COUNT; i++) {
        const ly_price *price = try_unit(w, chain[i], &cell.own);
        if (price) {
            cell.unit = chain[i];
            cell.rate = rate_at(price, w->input_total, &cell.tier);
        }
    }
    if (cell.unit != LY_UNIT__COUNT) {
        w->own_used = w->own_used || cell.own;
        w->base_used = w->base_used || !cell.own;
        w->tier = cell.tier > w->tier ? cell.tier : w->tier;
        add_amount(w, &cell);
    } else if (row_free(w->hit->own) || row_free(w->hit->base)) {
        cell.unit = counts;
        cell.own = row_free(w->hit->own);
        w->own_used = w->own_used || cell.own;
    } else if (counts == LY_UNIT_REQUESTS) {
        return; /* most models charge nothing a request */
    } else {
        w->missing = true;
    }
    if (w->sum && w->sum->n_cells < LY_CELLS_MAX) {
        w->sum->cells[w->sum->n_cells++] = cell;
    }
}

static void add_token_cell(work *w, int class, int modality, int64_t count)
{
    ly_unit chain[4];
    size_t n = 0;
    for (int round = 0, c = class; round < 2; round++, c = fallback_of[class]) {
        if (round == 1 && c == class) {
            break;
        }
        chain[n++] = (ly_unit)unit_of[c][modality];
        if (modality != ANY) {
            chain[n++] = (ly_unit)unit_of[c][ANY];
        }
    }
    add_cell(w, cell_names[class][modality], (ly_unit)unit_of[class][modality], count, chain, n);
}

static int64_t counted(const work *w, int class, int modality)
{
    return w->usage->count[unit_of[class][modality]];
}

/* Disjoint counts by class for one modality (inclusive of other modalities when it is ANY). */
static void split_classes(const work *w, int m, int64_t part[CLASSES])
{
    for (int c = 0; c < CLASSES; c++) {
        part[c] = counted(w, c, m);
    }
    part[C_IN] -= part[C_TOOL] + part[C_CR] + part[C_CW];
    part[C_CW] -= part[C_CW5] + part[C_CW1];
    part[C_OUT] -= part[C_REASON] + part[C_CITE];
}

/* False when the counts contradict each other (a part larger than its whole). */
static bool add_tokens(work *w)
{
    int64_t part[MODALITIES][CLASSES] = {{0}};
    bool mixed = false; /* most calls have text only */
    for (int c = 0; c < CLASSES; c++) {
        for (int m = TEXT; m < MODALITIES; m++) {
            mixed = mixed || counted(w, c, m) != 0;
        }
    }
    for (int m = 0; m < (mixed ? MODALITIES : 1); m++) {
        split_classes(w, m, part[m]);
    }
    for (int c = 0; c < CLASSES; c++) {
        for (int m = TEXT; m < MODALITIES; m++) {
            part[ANY][c] -= part[m][c];
        }
        for (int m = 0; m < MODALITIES; m++) {
            if (part[m][c] < 0) {
                return false;
            }
            if (part[m][c] > 0) {
                add_token_cell(w, c, m, part[m][c]);
            }
        }
    }
    return true;
}

static bool add_fees(work *w)
{
    for (size_t i = 0; i < LY_COUNT(fees); i++) {
        const int64_t *count = w->usage->count;
        int64_t n = count[fees[i].unit];
        if (fees[i].unit == LY_UNIT_PAGES) {
            n -= count[LY_UNIT_PAGES_ANN];
        } else if (fees[i].unit == LY_UNIT_AUDIO_S && n > 0) {
            n -= count[LY_UNIT_AUDIO_S_IN] + count[LY_UNIT_AUDIO_S_OUT];
        }
        if (n < 0 && !(fees[i].unit == LY_UNIT_PAGES && count[LY_UNIT_PAGES] == 0)) {
            return false;
        }
        if (n > 0) {
            ly_unit chain[2] = {(ly_unit)fees[i].unit, (ly_unit)fees[i].fallback};
            add_cell(w, fees[i].name, chain[0], n, chain, chain[0] == chain[1] ? 1 : 2);
        }
    }
    return true;
}

/* numerator / denominator, half to even; numerator >= 0. */
static ly_rate divide_even(ly_rate numerator, ly_rate denominator)
{
    ly_rate quotient = numerator / denominator, rest = numerator % denominator;
    ly_rate twice = rest * 2;
    if (twice > denominator || (twice == denominator && (quotient & 1))) {
        quotient++;
    }
    return quotient;
}

static bool usage_sane(const ly_usage *usage)
{
    /* A sum of these stays far inside of int64. */
    for (size_t i = 0; i < LY_UNIT__COUNT; i++) {
        if (usage->count[i] < 0 || usage->count[i] > (int64_t)1 << 53) {
            return false;
        }
    }
    return true;
}

static ly_priced finish(const work *w)
{
    const ly_price_hit *hit = w->hit;
    ly_priced ret = LY_PRICED_NONE;
    ret.row = w->own_used || !hit->base ? (hit->own ? hit->own->id : 0) : hit->base->id;
    ret.tier = w->tier;
    ly_rate pico = divide_even(w->total, DENOMINATOR * 1000000);
    if (w->missing) {
        ret.why = hit->why == LY_PRICE_OK ? LY_PRICE_UNKNOWN_BUCKET : hit->why;
    } else if (w->overflow || pico > INT64_MAX) {
        ret.why = LY_PRICE_OVERFLOW;
    } else {
        ret.why = LY_PRICE_OK;
        ret.amount_pico = (int64_t)pico;
    }
    return ret;
}

static ly_priced compute(work *w)
{
    const ly_price_hit *hit = w->hit;
    ly_priced ret = LY_PRICED_NONE;
    if (hit->local) {
        return (ly_priced){0, LY_PRICE_LOCAL, 0, 0};
    }
    if (!hit->own && !hit->base) {
        ret.why = hit->why == LY_PRICE_OK ? LY_PRICE_UNKNOWN_MODEL : hit->why;
        return ret;
    }
    if (!usage_sane(w->usage) || !add_tokens(w) || !add_fees(w)) {
        ret.why = LY_PRICE_BAD_USAGE;
        return ret;
    }
    return finish(w);
}

void ly_price_compute(const ly_price_hit *hit, const ly_usage *usage, ly_price_sum *ret)
{
    ret->n_cells = 0;
    ret->input_total = usage->count[LY_UNIT_IN];
    work w = {.hit = hit, .usage = usage, .sum = ret, .input_total = ret->input_total};
    ret->priced = compute(&w);
}

ly_priced ly_price_amount(const ly_price_hit *hit, const ly_usage *usage)
{
    work w = {.hit = hit, .usage = usage, .input_total = usage->count[LY_UNIT_IN]};
    return compute(&w);
}

int64_t ly_cell_amount(const ly_cell *cell)
{
    ly_rate product;
    if (cell->unit == LY_UNIT__COUNT ||
        __builtin_mul_overflow(cell->rate, (ly_rate)cell->count, &product)) {
        return LY_UNKNOWN;
    }
    ly_rate pico = divide_even(product, (ly_rate)ly_unit_per(cell->unit) * 1000000);
    return pico > INT64_MAX ? LY_UNKNOWN : (int64_t)pico;
}

/* ---- from the canonical buckets ---- */

static int64_t known(int64_t count)
{
    return count > 0 ? count : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Counts past 2^50 are nobody's; refusing them keeps every sum below inside of int64. */
static bool tokens_sane(const ly_tokens *t)
{
    const int64_t max = (int64_t)1 << 50;
    return known(t->in_fresh) < max && known(t->cache_read) < max && known(t->cache_write) < max &&
           known(t->out_visible) < max && known(t->out_reasoning) < max;
}

bool ly_usage_from_tokens(const ly_tokens *t, ly_usage *ret, ly_price_why *ret_why)
{
    if (!ly_tokens_known(t)) {
        *ret_why = LY_PRICE_NO_USAGE;
        return false;
    }
    if (!tokens_sane(t)) {
        *ret_why = LY_PRICE_OVERFLOW;
        return false;
    }
    if (known(t->unattributed) > 0) {
        *ret_why = LY_PRICE_ONLY_TOTAL;
        return false;
    }
    *ret = (ly_usage){{0}};
    int64_t *count = ret->count;
    int64_t fresh = known(t->in_fresh), read = known(t->cache_read), write = known(t->cache_write);
    int64_t out = known(t->out_visible), audio_read = least(known(t->cache_read_audio), read);
    int64_t audio = least(known(t->in_audio), fresh);
    count[LY_UNIT_IN] = fresh + read + write;
    count[LY_UNIT_CR] = read;
    count[LY_UNIT_CW] = write;
    if (t->cache_write_1h != LY_UNKNOWN) {
        count[LY_UNIT_CW1] = least(known(t->cache_write_1h), write);
        count[LY_UNIT_CW5] = write - count[LY_UNIT_CW1];
    }
    count[LY_UNIT_AUDIO_CR] = audio_read;
    count[LY_UNIT_AUDIO_IN] = audio + audio_read;
    count[LY_UNIT_IMAGE_IN] = least(known(t->in_image), fresh - audio);
    count[LY_UNIT_REASON] = known(t->out_reasoning);
    count[LY_UNIT_OUT] = out + count[LY_UNIT_REASON];
    count[LY_UNIT_AUDIO_OUT] = least(known(t->out_audio), out);
    count[LY_UNIT_IMAGE_OUT] = least(known(t->out_image), out - count[LY_UNIT_AUDIO_OUT]);
    count[LY_UNIT_WEB] = least(known(t->web_searches), (int64_t)1 << 50);
    count[LY_UNIT_CODE] = least(known(t->code_executions), (int64_t)1 << 50);
    count[LY_UNIT_STORAGE] = least(known(t->file_searches), (int64_t)1 << 50);
    count[LY_UNIT_REQUESTS] = 1;
    return true;
}

/* A model call: its answer is charged as well as what was asked. An embedding has no output. */
static bool two_sided(ly_type type)
{
    return type == LY_TYPE_GENERATION || type == LY_TYPE_AGENT || type == LY_TYPE_WORKFLOW;
}

static bool charges(const ly_price_hit *hit, ly_unit unit)
{
    const ly_price *price = ly_price_row_get(hit->own, unit);
    price = price ? price : ly_price_row_get(hit->base, unit);
    return price && (price->base != 0 || price->n_steps > 0);
}

/* Unknown is not zero: without the count of a side that the row charges the amount is a lower bound. */
static bool side_missing(const ly_price_hit *hit, const ly_canon *canon)
{
    const ly_tokens *t = &canon->tokens;
    bool in = charges(hit, LY_UNIT_IN), out = charges(hit, LY_UNIT_OUT);
    if (!two_sided(canon->type) || t->unattributed == 0) {
        return false;
    }
    return (in && ly_tokens_in(t) == LY_UNKNOWN) || (out && ly_tokens_out(t) == LY_UNKNOWN) ||
           ((in || out) && (canon->usage_mode & LY_USAGE_REJECTED) != 0);
}

/* A call at a local address costs nothing, whatever it used. */
static bool free_call(const ly_canon *canon, const ly_price_hit *hit)
{
    return hit->local && (canon->type == LY_TYPE_GENERATION || canon->type == LY_TYPE_EMBEDDING);
}

ly_priced ly_price_span(const ly_price_book *book, const ly_canon *canon, int64_t at_ns)
{
    ly_usage usage = {{0}};
    ly_priced ret = LY_PRICED_NONE;
    bool usable = ly_usage_from_tokens(&canon->tokens, &usage, &ret.why);
    bool no_usage = !usable && ret.why == LY_PRICE_NO_USAGE;
    if (no_usage && canon->server_address.len == 0) {
        return ret;
    }
    ly_price_ask ask = ly_price_ask_of(canon, at_ns);
    ly_price_hit hit = ly_price_find(book, &ask);
    if (no_usage) { /* no amount: nothing was counted */
        ret.why = free_call(canon, &hit) ? LY_PRICE_LOCAL : ret.why;
        return ret;
    }
    if (!usable && !hit.local) {
        return ret;
    }
    ret = ly_price_amount(&hit, &usage);
    if (ret.why == LY_PRICE_OK && side_missing(&hit, canon)) {
        ret.why = LY_PRICE_PARTIAL;
    }
    return ret;
}
