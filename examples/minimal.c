#include <lydite/tracer.h> /* cc minimal.c $(pkg-config --cflags --libs lydite) */
#include <stdio.h>
int main(void)
{
    lydite_tracer *t = NULL;
    lydite_open(NULL, &t, NULL);
    lydite_span *call = lydite_start(t, LYDITE_GENERATION, "stand-in-model");
    lydite_add_text(call, LYDITE_INPUT, "user", "What is lydite used for?");
    lydite_add_text(call, LYDITE_OUTPUT, "assistant", "To assay gold by its streak.");
    lydite_end(call);
    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    if (lydite_close(t, 5000, &stats) != LYDITE_OK)
        fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
}
