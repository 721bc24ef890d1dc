/* `lydite eval review`: labels by hand. */
#include <math.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "cli/eval_cmd.h"
#include "eval/prng.h"

typedef struct review {
    ly_cli *cli;
    ly_arena arena;
    ly_store *store;
    ly_run run;
    ly_err err;
    const char *name, *who;
    int64_t *todo; /* (row * repeat + repeat index) * targets + target */
    size_t n, cap, labelled;
    int64_t n_targets, n_repeat, only; /* only: a target's index, -1 = all */
    bool *done;
    int64_t n_places;
    struct termios saved;
    bool raw, answered; /* answered: some key came */
} review;

static int64_t place_of(const review *r, int64_t row, int64_t target, int64_t repeat)
{
    return (row * r->n_repeat + repeat) * r->n_targets + target;
}

static ly_status mark_labelled(void *user, const ly_score *s, ly_err *err)
{
    review *r = user;
    (void)err;
    int64_t at = place_of(r, s->row, s->target, s->repeat);
    if (s->source == LY_SCORE_HUMAN && ly_str_eqc(s->name, r->name) &&
        ly_str_eqc(s->actor, r->who) && at >= 0 && at < r->n_places) {
        r->done[at] = true;
    }
    return LY_OK;
}

static ly_status take_case(void *user, const ly_case *c, ly_err *err)
{
    review *r = user;
    int64_t at = place_of(r, c->row, c->target, c->repeat);
    if (c->failed || at < 0 || at >= r->n_places || (r->only >= 0 && c->target != r->only)) {
        return LY_OK;
    }
    if (r->done[at]) {
        r->labelled++;
        return LY_OK;
    }
    if (!ly_grow(&r->todo, &r->cap, r->n + 1, 100000000, sizeof *r->todo)) {
        return LY_NOMEM(err);
    }
    r->todo[r->n++] = at;
    return LY_OK;
}

static void shuffle(review *r, uint64_t seed)
{
    ly_prng rng;
    ly_prng_stream(&rng, seed, ly_str_c(r->name), LY_S("review"));
    for (size_t i = r->n; i > 1; i--) {
        size_t k = (size_t)ly_prng_below(&rng, i);
        int64_t t = r->todo[i - 1];
        r->todo[i - 1] = r->todo[k];
        r->todo[k] = t;
    }
}

static ly_status open_run(review *r)
{
    ly_json *doc = NULL;
    const char *target = ly_cli_opt(r->cli, "target");
    const char *what = r->cli->n_args ? r->cli->args[0] : "@last";
    ly_status st = ly_eval_open(r->cli, LY_STORE_WRITER, &r->store, &r->err);
    if (!st) {
        st = ly_run_get(r->store, ly_str_c(what), &r->arena, &r->run, &r->err);
    }
    if (!st) {
        st = ly_json_parse(r->run.suite, &r->arena, &doc, &r->err);
    }
    if (st) {
        return st;
    }
    const ly_json *targets = ly_json_get(doc, "targets");
    r->n_targets = (int64_t)ly_json_count(targets);
    r->n_repeat = 1;
    (void)ly_json_i64(ly_json_get(doc, "repeat"), &r->n_repeat);
    r->only = -1;
    for (size_t i = 0; target && i < ly_json_count(targets); i++) {
        if (ly_str_eqc(ly_json_str(ly_json_get(ly_json_at(targets, i), "name")), target)) {
            r->only = (int64_t)i;
        }
    }
    if (target && r->only < 0) {
        return LY_FAIL(&r->err, LY_E_NOTFOUND, "run %s has no target %s", what, target);
    }
    r->n_places = r->run.n_rows * r->n_repeat * r->n_targets;
    r->done = ly_calloc((size_t)r->n_places + 1, sizeof *r->done);
    if (!r->done) {
        return LY_NOMEM(&r->err);
    }
    st = ly_run_each_score(r->store, r->run.run_id, mark_labelled, r, &r->err);
    return st ? st : ly_run_each_case(r->store, r->run.run_id, take_case, r, &r->err);
}

static void show_text(ly_cli *cli, const char *head, ly_str text)
{
    ly_buf clean;
    ly_buf_init(&clean, LY_MAX_OUTPUT_BYTES);
    ly_term_clean(&clean, text, LY_TERM_LINES);
    fprintf(cli->out, "%s\n%s\n\n", head, ly_buf_text(&clean));
    ly_buf_release(&clean);
}

/* One key: of the terminal at once, of anything else the first letter of a line. 0 at the end. */
static int read_key(review *r)
{
    char c = 0, rest;
    if (read(STDIN_FILENO, &c, 1) != 1) {
        return 0;
    }
    if (!r->raw) {
        rest = c;
        while (rest != '\n' && read(STDIN_FILENO, &rest, 1) == 1) {
        }
    }
    return c == 3 || c == 4 || c == 27 ? 'q' : c;
}

static void raw_mode(review *r, bool on)
{
    if (on && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &r->saved) == 0) {
        struct termios t = r->saved;
        t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        t.c_cc[VMIN] = 1;
        t.c_cc[VTIME] = 0;
        r->raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
    } else if (!on && r->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &r->saved);
        r->raw = false;
    }
}

static ly_status store_label(review *r, const ly_case *c, int key)
{
    ly_score score = {.trace_id = c->trace_id,
                      .name = ly_str_c(r->name),
                      .value = key == 'u' ? NAN : key == 'y',
                      .label = key == 'u'   ? LY_S("unknown")
                               : key == 'y' ? LY_S("good")
                                            : LY_S("bad"),
                      .source = LY_SCORE_HUMAN,
                      .outcome = key == 'u' ? LY_ABSTAINED : LY_SCORED,
                      .actor = ly_str_c(r->who)};
    ly_case_done done = {.about = *c, .scores = &score, .n_scores = 1, .only_scores = true};
    return ly_run_write(r->store, r->run.run_id, &done, 1, NULL, 0, &r->err);
}

/* Shows one and stores the answer; *go_on is false after q. */
static ly_status review_one(review *r, int64_t at, size_t nth, size_t of, bool *go_on)
{
    ly_arena arena;
    ly_row *rows = NULL;
    ly_case c;
    size_t n = 0;
    char head[80];
    int64_t target = at % r->n_targets, repeat = at / r->n_targets % r->n_repeat,
            row = at / r->n_targets / r->n_repeat;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_dataset_rows(r->store, r->run.dataset, r->run.dataset_number, row, 1, &arena,
                                   &rows, &n, &r->err);
    if (!st) {
        st = ly_run_case(r->store, r->run.run_id, row, target, repeat, &arena, &c, &r->err);
    }
    if (!st && n) {
        (void)snprintf(head, sizeof head, "--- %zu of %zu: row %lld", nth, of, (long long)row + 1);
        show_text(r->cli, head, rows[0].data);
        show_text(r->cli, "--- output", c.output);
        int key = 0;
        for (bool asked = false; !asked;) {
            fprintf(r->cli->out, "good? y n u(nknown) s(kip) q(uit) ");
            fflush(r->cli->out);
            key = read_key(r);
            asked = key == 0 || strchr("ynusq", key);
            fputc('\n', r->cli->out);
        }
        r->answered |= key != 0;
        *go_on = key && key != 'q';
        if (key == 'y' || key == 'n' || key == 'u') {
            st = store_label(r, &c, key);
            r->labelled += st == LY_OK;
        }
    }
    ly_arena_release(&arena);
    return st;
}

int ly_eval_run_review(ly_cli *cli)
{
    review r = {.cli = cli, .err = LY_ERR_INIT};
    int64_t seed = 1;
    bool go_on = true;
    const char *user = getenv("USER");
    if (!ly_cli_int(cli, "seed", 0, INT32_MAX, 1, &seed)) {
        return LY_EXIT_USAGE;
    }
    r.name = ly_cli_opt(cli, "name") ? ly_cli_opt(cli, "name") : "label";
    r.who = ly_cli_opt(cli, "as") ? ly_cli_opt(cli, "as") : user && *user ? user : "someone";
    ly_arena_init(&r.arena, 0, 0);
    ly_status st = open_run(&r);
    size_t before = r.labelled, of = r.n;
    if (!st) {
        shuffle(&r, (uint64_t)seed);
        of = cli->n > 0 && (size_t)cli->n < r.n ? (size_t)cli->n : r.n;
        raw_mode(&r, true);
        for (size_t i = 0; i < of && go_on && !st && !ly_cli_interrupted(); i++) {
            st = review_one(&r, r.todo[i], i + 1, of, &go_on);
        }
        raw_mode(&r, false);
    }
    int code = st ? ly_cli_fail(cli, &r.err) : LY_EXIT_DONE;
    if (!st) {
        fprintf(cli->out, "%zu labelled now, %zu in all as %s by %s; %zu outputs are left\n",
                r.labelled - before, r.labelled, r.name, r.who, r.n - (r.labelled - before));
    }
    if (!st && ly_cli_interrupted()) {
        code = ly_cli_signal_exit();
    } else if (!st && of > 0 && !r.answered) {
        ly_cli_note(cli,
                    "standard input ended before the first answer; to go on: lydite eval "
                    "review %s",
                    cli->n_args ? cli->args[0] : "@last");
        code = LY_EXIT_EARLY;
    }
    ly_store_close(r.store);
    ly_free(r.todo);
    ly_free(r.done);
    ly_arena_release(&r.arena);
    return code;
}
