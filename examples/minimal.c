/* The smallest traced program: cc minimal.c $(pkg-config --cflags --libs lydite) */
#include <lydite/tracer.h>
#include <stdio.h>

int main(void)
{
    lydite_tracer *t = NULL;
    lydite_error error;
    if (lydite_open(NULL, &t, &error) != LYDITE_OK)
        fprintf(stderr, "not traced: %s\n", error.text);
    lydite_span *call = lydite_start(t, LYDITE_GENERATION, "stand-in-model");
    lydite_add_text(call, LYDITE_INPUT, "user", "What is lydite used for?");
    lydite_add_text(call, LYDITE_OUTPUT, "assistant", "To assay gold by the streak it leaves.");
    lydite_set_tokens(call, 7, 9);
    lydite_end(call);
    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    if (lydite_close(t, 5000, &stats) != LYDITE_OK)
        fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
    return 0;
}
