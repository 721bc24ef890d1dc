/* tracer_load N [CLOSE_MS]: ends N spans at 2,000 a second, then closes and prints the accounts. Exit 1
 * when not all was acknowledged. For tests/e2e/tracer.sh. */
#include <lydite/tracer.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    lydite_tracer *t = NULL;
    lydite_error error;
    lydite_options opts = LYDITE_OPTIONS_INIT;
    const long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    opts.schedule_ms = 20;
    opts.service = "tracer_load";
    if (lydite_open(&opts, &t, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    for (long i = 0; i < n; i++) {
        lydite_span *span = lydite_start(t, LYDITE_STEP, "load");
        lydite_set_int(span, "i", i);
        lydite_end(span);
        if (i % 20 == 19) {
            usleep(10000);
        }
    }
    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    int result = lydite_close(t, argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 20000, &stats);
    printf("%s\n", lydite_stats_text(&stats, text, sizeof text));
    return result != LYDITE_OK;
}
