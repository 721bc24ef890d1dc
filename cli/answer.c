#include "cli/answer.h"

#include "base/limits.h"

void ly_answer_begin(ly_answer *answer, ly_cli *cli)
{
    answer->cli = cli;
    ly_buf_init(&answer->buf, LY_MAX_OUTPUT_BYTES);
    ly_jsonw_init(&answer->w, &answer->buf, 0);
    ly_jsonw_object(&answer->w);
}

int ly_answer_end(ly_answer *answer)
{
    ly_err err = LY_ERR_INIT;
    int code = LY_EXIT_DONE;
    ly_jsonw_object_end(&answer->w);
    if (ly_jsonw_end(&answer->w, &err)) {
        code = ly_cli_fail(answer->cli, &err);
    } else {
        ly_buf_char(&answer->buf, '\n');
        (void)fwrite(answer->buf.ptr, 1, answer->buf.len, answer->cli->out);
    }
    ly_buf_release(&answer->buf);
    return code;
}
