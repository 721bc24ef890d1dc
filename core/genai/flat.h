/*
 * Content that was flattened into numbered attribute keys (OpenInference, OpenLLMetry): "llm.input_
 * messages.12.message.content". Indices may have gaps, come in any order and pass 9. Used inside
 * core/genai only.
 */
#ifndef LY_GENAI_FLAT_H
#define LY_GENAI_FLAT_H

#include "genai/shapes.h"

void ly_flat_messages(ly_reader *r, const ly_attrs *attrs, bool output, ly_msg_list *list);
void ly_flat_documents(ly_reader *r, const ly_attrs *attrs);
void ly_flat_tools(ly_reader *r, const ly_attrs *attrs);
/* One "db.query.result" event of OpenLLMetry's vector stores. */
void ly_flat_db_result(ly_reader *r, const ly_attrs *attrs);

#endif
