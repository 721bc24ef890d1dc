/*
 * Every maximum of the toolkit, with its reason, in one table. A room takes its limit from here;
 * where a user may set it, this is the default.
 */
#ifndef LY_BASE_LIMITS_H
#define LY_BASE_LIMITS_H

#define LY_KIB(n) ((size_t)(n) << 10)
#define LY_MIB(n) ((size_t)(n) << 20)
#define LY_GIB(n) ((size_t)(n) << 30)

/* OTLP requests: specification 1.11 recommends 64 MiB, before and after inflating. */
#define LY_MAX_REQUEST_BYTES LY_MIB(64)
/* OTLP responses: the specification's 4 MiB. */
#define LY_MAX_RESPONSE_BYTES LY_MIB(4)
/* AnyValue nesting: SDKs emit up to 64 levels, protobuf libraries read 100. */
#define LY_MAX_ANY_DEPTH 100
/* JSON nesting of documents from outside. */
#define LY_MAX_JSON_DEPTH 128
/* JSON nesting of an OTLP/JSON request: an AnyValue level costs up to four. */
#define LY_MAX_OTLP_JSON_DEPTH 512
/* Nesting of YAML files, which people write; and the nodes that all aliases together stand for. */
#define LY_MAX_YAML_DEPTH 64
#define LY_MAX_YAML_NODES 1000000
/* Steps and kilobytes of one regular expression match: some 50 ms on a slow machine. */
#define LY_MAX_REGEX_STEPS         1000000
#define LY_MAX_REGEX_HEAP_KIB      20480
#define LY_MAX_REGEX_PATTERN_BYTES LY_KIB(64)
/* Spans or log records in one request; a 64 MiB request of minimal spans holds about 1.3 million. */
#define LY_MAX_ITEMS_PER_REQUEST 2000000
/* Attributes, events or links of one span; far above any SDK's limit. */
#define LY_MAX_ATTRS_PER_SPAN 65536
/* One error line. */
#define LY_MAX_LINE_BYTES LY_KIB(64)
/* A configuration, suite or template file. */
#define LY_MAX_TEXT_FILE_BYTES LY_MIB(16)
/* One data-set file, read as a stream; one row of it. */
#define LY_MAX_ROW_BYTES LY_MIB(8)
/* One model's reply. */
#define LY_MAX_REPLY_BYTES LY_MIB(32)
/* A filter expression and its nesting. */
#define LY_MAX_FILTER_BYTES LY_KIB(8)
#define LY_MAX_FILTER_DEPTH 64
/* Anything printed into memory first (a report, a page of rows). */
#define LY_MAX_OUTPUT_BYTES LY_MIB(256)

#endif
