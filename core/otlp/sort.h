/*
 * Which signal protobuf bytes are, told from the bytes alone.
 *
 * The three export requests have one outer shape (resources of scopes of items), and a file does not
 * say which of them it holds. What tells is the first fields of the items: the same number has another
 * wire type in each (field 1 is the id of a span, the time of a log record, the name of a metric;
 * opentelemetry-proto 1.11.0).
 */
#ifndef LY_OTLP_SORT_H
#define LY_OTLP_SORT_H

#include "otlp/model.h"

/*
 * Takes from the front of *rest the longest run of top-level fields that are one signal, itself a whole
 * request: files of several signals, written one after another, come apart again. Resources that do not
 * say (no items in them) go with the run before. Where nothing says, *ret_signal is LY_SIGNAL_TRACES;
 * from where the bytes cannot be read, all of the rest is in the run, for the decoder to complain of.
 * false when *rest is empty. Cannot fail, allocates nothing.
 */
bool ly_otlp_next_run(ly_str *rest, ly_str *ret_run, ly_signal *ret_signal);

#endif
