/* Hashes against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"
#include "text/hash.h"

static void sha256(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        /* FIPS 180-4 examples */
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[LY_SHA256_HEX];
    for (size_t i = 0; i < LY_COUNT(vectors); i++) {
        ly_sha256_hex_of(ly_str_c(vectors[i][0]), hex);
        assert_string_equal(hex, vectors[i][1]);
    }
}

static void sha256_in_pieces(void **state)
{
    (void)state;
    /* a million times 'a', added in pieces of every length */
    static char block[1009];
    memset(block, 'a', sizeof block);
    ly_sha256 sha;
    uint8_t digest[LY_SHA256_BYTES];
    char hex[LY_SHA256_HEX];
    ly_sha256_init(&sha);
    size_t left = 1000000;
    for (size_t n = 1; left > 0; n = n % sizeof block + 1) {
        size_t part = n < left ? n : left;
        ly_sha256_add(&sha, block, part);
        left -= part;
    }
    ly_sha256_end(&sha, digest);
    ly_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void hmac(void **state)
{
    (void)state;
    uint8_t digest[LY_SHA256_BYTES];
    char hex[LY_SHA256_HEX], long_key[131];
    /* RFC 4231, cases 2 and 6 */
    ly_hmac_sha256(LY_S("Jefe"), LY_S("what do ya want for nothing?"), digest);
    ly_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xAA, sizeof long_key);
    ly_hmac_sha256(ly_str_n(long_key, sizeof long_key),
                   LY_S("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    ly_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void xxh3(void **state)
{
    (void)state;
    uint8_t digest[16];
    char hex[33];
    ly_xxh3_128(LY_STR_NONE, digest);
    ly_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    assert_true(ly_xxh3_64(LY_STR_NONE) == 0x2d06800538d394c2ULL);
}

static void secrets(void **state)
{
    (void)state;
    assert_true(ly_secret_eq(LY_S("abc"), LY_S("abc")));
    assert_false(ly_secret_eq(LY_S("abc"), LY_S("abd")));
    assert_false(ly_secret_eq(LY_S("abc"), LY_S("abcd")));
    assert_true(ly_secret_eq(LY_STR_NONE, LY_S("")));
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(ly_random(a, sizeof a, NULL), LY_OK);
    assert_int_equal(ly_random(b, sizeof b, NULL), LY_OK);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256), cmocka_unit_test(sha256_in_pieces), cmocka_unit_test(hmac),
        cmocka_unit_test(xxh3),   cmocka_unit_test(secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
