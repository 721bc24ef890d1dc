/* Inside the ingest room: what redact.c (rules over one string) and redact_wire.c (over messages) share. */
#ifndef LY_INGEST_REDACT_IMPL_H
#define LY_INGEST_REDACT_IMPL_H

#include "ingest/redact.h"
#include "ingest/rules.h"

/* Appends `s` with every match replaced, looking into JSON. force: the whole string goes, as a
 * credential, always or if it looks like one. LY_OK = replaced; LY_E_NOTFOUND = nothing matched, out unchanged; LY_E_NOMEM. */
LY_MUST_USE ly_status ly_redact_string(const ly_redact *redact, ly_str s, ly_redact_force force,
                                       ly_buf *out);
/* Does any rule match these raw bytes? Fails closed: true when it cannot be said. */
bool ly_redact_matches(const ly_redact *redact, ly_str s);
/* Is the value under this key a credential, if the rule for that is on? */
ly_redact_force ly_redact_forces(const ly_redact *redact, ly_str key);

#endif
