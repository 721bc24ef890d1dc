/* JSON -> protobuf by the tables of schema.h. Internal to core/otlp. */
#ifndef LY_OTLP_TRANSCODE_H
#define LY_OTLP_TRANSCODE_H

#include "base/jscan.h"
#include "otlp/schema.h"

/* The member that carries a message's own bytes, see json.h. */
#define LY_WIRE_MEMBER "lyditeWire"

/* Room that the protobuf form of a JSON text of n bytes may take. Each field is shorter in protobuf
 * than its member in JSON, but for a negative enum number (11 bytes against 10). */
#define LY_TRANSCODE_ROOM(n) ((n) + (n) / 4 + 64)

/* The first member of an item that had the wrong type. */
typedef struct ly_transcode_fault {
    ly_str member; /* its JSON name, from the tables; not given = all were right */
    unsigned line, column;
} ly_transcode_fault;

/*
 * Writes the protobuf form of the JSON object `text` to dst. A member of the wrong type inside an item
 * makes that item malformed for the decoder (a byte no message can end with); in the frame it is an
 * error. LY_OK, with the first such member in *ret_fault (may be NULL); LY_E_FORMAT or LY_E_LIMIT with
 * line and column.
 */
LY_MUST_USE ly_status ly_transcode(ly_str text, const ly_message_desc *desc, uint8_t *dst,
                                   size_t room, size_t *ret_len, ly_transcode_fault *ret_fault,
                                   ly_err *err);

#endif
