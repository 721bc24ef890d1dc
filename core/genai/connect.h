/*
 * How to make a client send its telemetry here: the lines to type for each client, as data, and what
 * is missing in a span that came. `lydite connect` prints them (cli/cmd_connect.c).
 *
 * Texts hold {http}, {grpc}, {http_port} and {grpc_port}, which ly_connect_text replaces by the
 * collector's addresses. A way that was
 * never seen working with this collector is marked untried; "tried" means that payloads of this very
 * client are among the recorded ones that the tests read, or that it was run against this collector.
 */
#ifndef LY_GENAI_CONNECT_H
#define LY_GENAI_CONNECT_H

#include "base/buf.h"
#include "genai/canon.h"

typedef struct ly_connect_way {
    const char *language; /* "shell", "python", "typescript", "toml", "json" */
    const char *install;  /* commands, "" = nothing to install */
    const char *lines;    /* environment or code, exact */
    const char *content;  /* the switch that makes it send messages; "" = it does unasked */
    bool tried;
} ly_connect_way;

typedef struct ly_connect_client {
    const char *name;    /* "openai": what is typed */
    const char *aliases; /* '|' between */
    const char *title;
    const char *note; /* what to expect of it; "" = nothing special */
    ly_connect_way ways[3];
    size_t n_ways;
} ly_connect_client;

size_t ly_connect_count(void);
const ly_connect_client *ly_connect_at(size_t index); /* NULL past the end */
/* By name or alias, ASCII case folded; NULL when unknown. */
const ly_connect_client *ly_connect_find(ly_str name);

/* Appends the text with the marks replaced; the urls end in ":PORT" ("http://127.0.0.1:4318"). */
void ly_connect_text(const char *text, const char *http_url, const char *grpc_url, ly_buf *out);

/* One thing that a span should have and has not. */
typedef struct ly_connect_gap {
    const char *what;   /* "token counts" */
    const char *remedy; /* one line */
} ly_connect_gap;

enum { LY_CONNECT_GAPS = 8 };

/* What is missing in a span, worst first; at most LY_CONNECT_GAPS. Spans of other types than generation,
 * embedding, agent, tool and retrieval have few demands. */
size_t ly_connect_missing(const ly_canon *canon, ly_connect_gap ret_gaps[LY_CONNECT_GAPS]);

#endif
