/* One HTTP request and its answer, for commands that fetch or tell something. */
#ifndef LY_CLI_FETCH_H
#define LY_CLI_FETCH_H

#include "base/buf.h"
#include "base/err.h"

/* GET; the body of a 200 is appended. LY_E_INVALID a bad URL; LY_E_NETWORK, LY_E_TIMEOUT, LY_E_LIMIT
 * otherwise, each naming the URL. */
LY_MUST_USE ly_status ly_cli_fetch(const char *url, size_t max_bytes, ly_buf *out, ly_err *err);
/* POST of a JSON document; any 2xx is fine. At most 10 s, three attempts. */
LY_MUST_USE ly_status ly_cli_post_json(const char *url, ly_str json, ly_err *err);

#endif
