/* Between the files of the importers only. */
#ifndef LY_COST_IMPORT_I_H
#define LY_COST_IMPORT_I_H

#include "cost/import.h"
#include "text/json.h"

/* Add a parsed document to an unsealed book. */
ly_status import_genai(ly_price_book *book, const ly_json *doc, ly_import_notes *notes,
                       ly_err *err);
ly_status import_litellm(ly_price_book *book, const ly_json *doc, ly_import_notes *notes,
                         ly_err *err);

void import_note_key(ly_import_notes *notes, ly_str key, ly_str model);
void import_note_skipped(ly_import_notes *notes, ly_str model, const char *why);

#endif
