/* Vectors V1 to V4 of reference/otlp-and-genai-conventions.md section 1.13, and hex to bytes. */
#ifndef LY_TEST_OTLP_VECTORS_H
#define LY_TEST_OTLP_VECTORS_H

#include "base/str.h"

#define V1_HEX                                                                                     \
    "0a99020a180a160a0c736572766963652e6e616d6512060a0464656d6f12fc010a060a017412013112f1010a105b" \
    "8efff798038103d269b633813fc60c1208eee19b7ec3c1b1742208eee19b7ec3c1b1732a0663686174206d300339" \
    "004859e3faeb6f15410012f41efbeb6f154a1f0a1567656e5f61692e6f7065726174696f6e2e6e616d6512060a04" \
    "636861744a1f0a1967656e5f61692e75736167652e696e7075745f746f6b656e73120218644a270a1a67656e5f61" \
    "692e726571756573742e74656d7065726174757265120921000000000000e03f4a070a0162120210004a2c0a1e67" \
    "656e5f61692e726573706f6e73652e66696e6973685f726561736f6e73120a2a080a060a0473746f707a05120165" \
    "1802850101010000"
#define V1_JSON                                                                                   \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"     \
    "{\"stringValue\":\"demo\"}}]},\n \"scopeSpans\":[{\"scope\":{\"name\":\"t\",\"version\":"    \
    "\"1\"},\"spans\":[{\n  \"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":"         \
    "\"EEE19B7EC3C1B174\",\"parentSpanId\":\"EEE19B7EC3C1B173\",\n  \"name\":\"chat m\","         \
    "\"kind\":3,\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":"               \
    "\"1544712661000000000\",\n  \"attributes\":[{\"key\":\"gen_ai.operation.name\",\"value\":"   \
    "{\"stringValue\":\"chat\"}},\n   {\"key\":\"gen_ai.usage.input_tokens\",\"value\":"          \
    "{\"intValue\":\"100\"}},\n   {\"key\":\"gen_ai.request.temperature\",\"value\":"             \
    "{\"doubleValue\":0.5}},\n   {\"key\":\"b\",\"value\":{\"boolValue\":false}},\n   {\"key\":"  \
    "\"gen_ai.response.finish_reasons\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":" \
    "\"stop\"}]}}}],\n  \"status\":{\"code\":2,\"message\":\"e\"},\"flags\":257}]}]}]}"
#define V3_HEX  "0a0a08021206626164206964"
#define V3_JSON "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"bad id\"}}"
#define V4_HEX                                                                                     \
    "0a71126f126d090012f41efbeb6f151009322a0a1d67656e5f61692e6576616c756174696f6e2e73636f72652e76" \
    "616c7565120921000000000000f03f4a105b8efff798038103d269b633813fc60c5208eee19b7ec3c1b174621867" \
    "656e5f61692e6576616c756174696f6e2e726573756c74"

/* Decodes hex into dst and returns the view; an empty view when it is not hex. */
static inline ly_str unhex(const char *hex, char *dst)
{
    size_t n = strlen(hex) / 2;
    return ly_hex_decode(ly_str_c(hex), dst, n) ? ly_str_n(dst, n) : LY_STR_NONE;
}

#endif
