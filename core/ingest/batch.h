/* Inside the ingest room: redaction of a decoded batch, item by item. */
#ifndef LY_INGEST_BATCH_H
#define LY_INGEST_BATCH_H

#include "ingest/ingest.h"

/* Rewrites the resources and scopes of a batch where a rule matches and points its items to the new
 * ones. A resource or scope that cannot be rewritten marks its items as failed: they are rejected by the
 * calls below. Only LY_E_NOMEM. */
LY_MUST_USE ly_status ly_ingest_redact_envelopes(const ly_redact *redact, ly_ingest_job *job,
                                                 ly_err *err);
/* Rewrites and decodes again one item where a rule matches. Not LY_OK: it must not be kept. */
LY_MUST_USE ly_status ly_ingest_redact_span(const ly_redact *redact, ly_ingest_job *job,
                                            ly_span *span, ly_err *err);
LY_MUST_USE ly_status ly_ingest_redact_log(const ly_redact *redact, ly_ingest_job *job,
                                           ly_log_record *log, ly_err *err);

#endif
