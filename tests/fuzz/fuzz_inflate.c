/* Inflating strangers' bytes: never past the cap, whatever the trailer says. The first byte chooses gzip or
 * deflate. */
#include "base/limits.h"
#include "base/mem.h"
#include "collector/impl.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *plain = NULL;
    size_t len = 0;
    ly_err err = LY_ERR_INIT;
    if (size < 1)
        return 0;
    ly_status status =
        ly_inflate(ly_str_n(data + 1, size - 1), data[0] & 1 ? LY_RPC_GZIP : LY_RPC_DEFLATE,
                   LY_KIB(256), &plain, &len, &err);
    FUZZ_CHECK(status == LY_OK ? len <= LY_KIB(256) : err.text[0] != 0 && plain == NULL);
    ly_free(plain);
    return 0;
}
