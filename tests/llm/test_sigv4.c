/* AWS signatures against the vectors of judges-and-statistics.md §3.5, and the Bedrock wire form. */
#include "../test.h"

#include "base/arena.h"
#include "genai/shape.h"
#include "llm/llm.h"
#include "llm/sigv4.h"

static void get_vanilla(void **state)
{
    (void)state;
    ly_sigv4 in = {.method = "GET",
                   .path = LY_S("/"),
                   .host = LY_S("example.amazonaws.com"),
                   .region = "us-east-1",
                   .service = "service",
                   .key_id = "AKIDEXAMPLE",
                   .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                   .date = "20150830T123600Z"};
    ly_sigv4_signed out;
    ly_buf auth;
    ly_buf_init(&auth, 4096);
    assert_int_equal(ly_sigv4_sign(&in, &auth, &out, NULL), LY_OK);
    assert_string_equal(out.canonical,
                        "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
    assert_string_equal(out.key,
                        "938127b5336810ddb6a5d6af445fcac9e371f9ed418ed386b022aed82901be75");
    assert_string_equal(out.signature,
                        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    ly_buf_release(&auth);
}

static void bedrock_vector(void **state)
{
    (void)state;
    ly_buf path, auth;
    ly_buf_init(&path, 1024);
    ly_buf_init(&auth, 4096);
    ly_shape_request req = {.model = LY_S("anthropic.claude-3-haiku-20240307-v1:0")};
    ly_shape_write_path(LY_SHAPE_BEDROCK, &req, &path);
    assert_string_equal(ly_buf_text(&path),
                        "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse");
    ly_sigv4 in = {.method = "POST",
                   .path = ly_buf_view(&path),
                   .host = LY_S("bedrock-runtime.us-east-1.amazonaws.com"),
                   .content_type = LY_S("application/json"),
                   .body =
                       LY_S("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"),
                   .region = "us-east-1",
                   .service = "bedrock",
                   .key_id = "AKIDEXAMPLE",
                   .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                   .date = "20250101T000000Z"};
    ly_sigv4_signed out;
    assert_int_equal(ly_sigv4_sign(&in, &auth, &out, NULL), LY_OK);
    assert_string_equal(out.canonical,
                        "c4d912100bbbd299fd09e4b4f9c4d3fcd43fea14e9315793e031ac508794f915");
    assert_string_equal(out.key,
                        "c27e311b7b87de48214ea763bf3f6bd9824a54ab54fdf0033dac588a75009fc1");
    assert_string_equal(out.signature,
                        "229262f88c48cccf94b4168237b5cba8281cd1a9e3956c5daf6bc1bfb490ceed");
    assert_non_null(strstr(ly_buf_text(&auth),
                           "Credential=AKIDEXAMPLE/20250101/us-east-1/bedrock/aws4_request, "
                           "SignedHeaders=content-type;host;x-amz-date, Signature=229262f8"));
    char date[17];
    ly_sigv4_date(1735689600000000000, date);
    assert_string_equal(date, "20250101T000000Z");
    ly_buf_release(&path);
    ly_buf_release(&auth);
}

static void converse_wire(void **state)
{
    (void)state;
    ly_arena arena;
    ly_buf body;
    ly_shape_reply r;
    ly_shape_msg msgs[] = {{LY_S("system"), LY_S("Be terse.")}, {LY_S("user"), LY_S("Hi")}};
    ly_shape_request req = {.model = LY_S("m:0"),
                            .msgs = msgs,
                            .n_msgs = 2,
                            .max_output = 64,
                            .temperature = 0,
                            .top_p = LY_SHAPE_UNSET,
                            .seed = LY_UNKNOWN};
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&body, 4096);
    assert_int_equal(ly_shape_write_request(LY_SHAPE_BEDROCK, &req, &body, NULL), LY_OK);
    assert_string_equal(ly_buf_text(&body),
                        "{\"system\":[{\"text\":\"Be terse.\"}],\"messages\":[{\"role\":\"user\","
                        "\"content\":[{\"text\":\"Hi\"}]}],\"inferenceConfig\":{\"maxTokens\":64,"
                        "\"temperature\":0}}");
    ly_str reply =
        LY_S("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
             "\"reasoningText\":{\"text\":\"hm\"}}},{\"text\":\"Hello\"}]}},\"stopReason\":"
             "\"max_tokens\",\"usage\":{\"inputTokens\":10,\"outputTokens\":3,\"totalTokens\":18,"
             "\"cacheReadInputTokens\":5,\"cacheWriteInputTokens\":0}}");
    assert_int_equal(ly_shape_read_reply(LY_SHAPE_BEDROCK, reply, &arena, &r, NULL), LY_OK);
    assert_true(ly_str_eqc(r.text, "Hello") && ly_str_eqc(r.reasoning, "hm"));
    assert_true(ly_str_eqc(r.finish, "length"));
    assert_int_equal(r.tokens.in_fresh, 10);
    assert_int_equal(r.tokens.cache_read, 5);
    assert_int_equal(ly_tokens_total(&r.tokens), 18);
    assert_int_equal(ly_shape_read_reply(LY_SHAPE_BEDROCK,
                                         LY_S("{\"message\":\"Too many requests\"}"), &arena, &r,
                                         NULL),
                     LY_OK);
    assert_true(ly_str_eqc(r.error_message, "Too many requests"));
    ly_buf_release(&body);
    ly_arena_release(&arena);
}

static void model_spec(void **state)
{
    (void)state;
    ly_llm_model m;
    (void)setenv("AWS_REGION", "eu-west-1", 1);
    assert_int_equal(
        ly_llm_model_parse(LY_S("bedrock:anthropic.claude-3-haiku-20240307-v1:0"), &m, NULL),
        LY_OK);
    assert_string_equal(m.name, "anthropic.claude-3-haiku-20240307-v1:0");
    assert_string_equal(m.base, "https://bedrock-runtime.eu-west-1.amazonaws.com");
    assert_string_equal(m.provider, "aws.bedrock");
    static const char *const names[] = {"AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        (void)unsetenv(names[i]);
    }
    assert_int_equal(ly_llm_model_check(&m, NULL), LY_E_DENIED);
    (void)setenv("AWS_ACCESS_KEY_ID", "a", 1);
    assert_int_equal(ly_llm_model_check(&m, NULL), LY_E_DENIED);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
    assert_int_equal(ly_llm_model_check(&m, NULL), LY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_vanilla),
        cmocka_unit_test(bedrock_vector),
        cmocka_unit_test(converse_wire),
        cmocka_unit_test(model_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
