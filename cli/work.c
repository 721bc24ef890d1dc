#include "cli/work.h"

ly_status ly_work_begin(ly_work *work, ly_cli *cli, ly_store_role role)
{
    *work = (ly_work){.cli = cli, .err = LY_ERR_INIT};
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    ly_arena_init(&work->arena, 0, 0);
    return ly_store_open(ly_cli_db(cli), &opts, &work->store, &work->err);
}

int ly_work_end(ly_work *work, ly_status status, int code)
{
    int result = status ? ly_cli_fail(work->cli, &work->err) : code;
    ly_store_close(work->store);
    ly_arena_release(&work->arena);
    return result;
}

ly_str ly_work_arg(const ly_work *work, int i)
{
    return work->cli->n_args > i ? ly_str_c(work->cli->args[i]) : LY_STR_NONE;
}
