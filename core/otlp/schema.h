/*
 * The OTLP messages as tables: JSON name, snake_case name, number and type of each field. Both
 * directions of the JSON transcoder are driven by them. Internal to core/otlp.
 *
 * To add a field: one row in schema.c (and, when the model shall show it, decode_item.c).
 */
#ifndef LY_OTLP_SCHEMA_H
#define LY_OTLP_SCHEMA_H

#include "otlp/model.h"
#include "otlp/pb.h"

typedef enum ly_field_type {
    LY_T_STRING,
    LY_T_BYTES, /* base64 in JSON */
    LY_T_ID,    /* bytes of a fixed size, hex in JSON */
    LY_T_BOOL,
    LY_T_INT64, /* varint, a decimal string in JSON */
    LY_T_FIXED64,
    LY_T_INT32, /* varint, a number in JSON */
    LY_T_UINT32,
    LY_T_ENUM, /* varint, a number in JSON, names accepted */
    LY_T_FIXED32,
    LY_T_DOUBLE,
    LY_T_MESSAGE
} ly_field_type;

typedef struct ly_message_desc ly_message_desc;

typedef struct ly_enum_name {
    const char *name;
    int32_t value;
} ly_enum_name;

typedef struct ly_field_desc {
    ly_str json, snake; /* member names */
    uint8_t number;
    ly_field_type type;
    bool repeated;
    uint8_t id_size;            /* LY_T_ID */
    const ly_message_desc *sub; /* LY_T_MESSAGE */
    const ly_enum_name *names;  /* LY_T_ENUM, ends with a NULL name */
} ly_field_desc;

#define LY_MAX_FIELDS 16

struct ly_message_desc {
    const ly_field_desc *fields;
    uint8_t n;
    bool
        frame; /* its members say where items are: a wrong type here is the whole request's fault */
    bool item; /* Resource, scope, Span, LogRecord: judged alone, may carry lyditeWire */
    bool oneof; /* AnyValue: of several members the last counts */
};

extern const ly_message_desc ly_desc_span, ly_desc_log, ly_desc_resource, ly_desc_scope;
/* Export*ServiceResponse with every spelling of the rejected count. */
extern const ly_message_desc ly_desc_response;
/* google.rpc.Status; a JSON detail's members are LY_ANY_* fields beside the real type_url and value. */
extern const ly_message_desc ly_desc_status;
enum { LY_DETAIL_TYPE = 1, LY_DETAIL_VALUE = 2, LY_DETAIL_VIOLATION = 14, LY_DETAIL_DELAY = 15 };

/* KeyValue: lists of it are sets by key. */
const ly_message_desc *ly_desc_key_value(void);

const ly_message_desc *ly_desc_of_signal(ly_signal signal);

/* The wire type of a field of that type: LY_PB_*. */
uint32_t ly_field_wire(ly_field_type type);
/* The row of a field as it came; NULL for an unknown number, and for a known one with another wire type,
 * which a reader keeps as an unknown field. */
const ly_field_desc *ly_desc_field(const ly_message_desc *desc, const ly_pb_field *field);

#endif
