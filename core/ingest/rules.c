/*
 * ingest: the built-in redaction rules. A rule is a row; nothing else has to change for a new one but
 * its lines in tests/ingest/test_redact.c.
 *
 * Shapes of keys: the providers' own documentation and the public rules of secret scanners. Each is
 * anchored on a prefix that ordinary text does not have, or on a check digit; a false mark costs the
 * reader a value, so bare "32 hex digits" is no rule.
 */
#include "ingest/rules.h"

#define B "(?<![A-Za-z0-9_-])" /* not inside a word */
#define E "(?![A-Za-z0-9_-])"

const ly_builtin_rule ly_builtin_rules[] = {
    {"secrets",
     "private-key",
     "-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\\s\\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: "
     "BLOCK)?-----|$)",
     {"PRIVATE KEY"},
     NULL},
    {"secrets", "anthropic-key", B "sk-ant-[A-Za-z0-9_-]{16,}", {"sk-ant-"}, NULL},
    {"secrets", "langfuse-key", B "[sp]k-lf-[0-9a-f-]{20,}", {"k-lf-"}, NULL},
    {"secrets", "openrouter-key", B "sk-or-[A-Za-z0-9_-]{16,}", {"sk-or-"}, NULL},
    {"secrets", "openai-key", B "sk-[A-Za-z0-9_-]{20,}", {"sk-"}, NULL},
    {"secrets", "google-key", B "AIza[0-9A-Za-z_-]{35}" E, {"AIza"}, NULL},
    {"secrets",
     "google-oauth",
     B "(?:ya29\\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,})",
     {"ya29.", "GOCSPX-"},
     NULL},
    {"secrets",
     "aws-key",
     B "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}" E,
     {"AKIA", "ASIA", "ABIA", "ACCA"},
     NULL},
    {"secrets",
     "github-token",
     B "(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
     {"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"},
     NULL},
    {"secrets",
     "gitlab-token",
     B "gl(?:pat|ptt|rt|dt|cbt)-[A-Za-z0-9_-]{20,}",
     {"glpat-", "glptt-", "glrt-", "gldt-", "glcbt-"},
     NULL},
    {"secrets", "slack-token", B "xox[abeoprs]-[A-Za-z0-9-]{10,}", {"xox"}, NULL},
    {"secrets",
     "slack-webhook",
     "hooks\\.slack\\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}",
     {"hooks.slack.com/"},
     NULL},
    {"secrets",
     "stripe-key",
     B "(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}",
     {"k_live_", "k_test_", "whsec_"},
     NULL},
    {"secrets", "huggingface-token", B "hf_[A-Za-z0-9]{30,}", {"hf_"}, NULL},
    {"secrets", "groq-key", B "gsk_[A-Za-z0-9]{30,}", {"gsk_"}, NULL},
    {"secrets", "xai-key", B "xai-[A-Za-z0-9]{40,}", {"xai-"}, NULL},
    {"secrets", "perplexity-key", B "pplx-[A-Za-z0-9]{32,}", {"pplx-"}, NULL},
    {"secrets", "replicate-token", B "r8_[A-Za-z0-9]{30,}", {"r8_"}, NULL},
    {"secrets", "langsmith-key", B "lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}", {"lsv2_"}, NULL},
    {"secrets", "npm-token", B "npm_[A-Za-z0-9]{36}" E, {"npm_"}, NULL},
    {"secrets", "pypi-token", B "pypi-[A-Za-z0-9_-]{50,}", {"pypi-"}, NULL},
    {"secrets", "sendgrid-key", B "SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}", {"SG."}, NULL},
    {"secrets", "digitalocean-token", B "do[opr]_v1_[a-f0-9]{64}", {"_v1_"}, NULL},
    {"secrets", "databricks-token", B "dapi[a-f0-9]{32}(?:-\\d)?", {"dapi"}, NULL},
    {"secrets", "vault-token", B "hv[sbr]\\.[A-Za-z0-9_-]{24,}", {"hvs.", "hvb.", "hvr."}, NULL},
    {"secrets", "telegram-token", B "\\d{8,10}:AA[A-Za-z0-9_-]{33}" E, {":AA"}, NULL},
    {"secrets", "lydite-key", B "lyk_[A-Za-z0-9]{32,}", {"lyk_"}, NULL},
    {"secrets",
     "azure-key",
     "(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}",
     {"AccountKey=", "SharedAccessKey="},
     NULL},
    {"secrets",
     "jwt",
     B "eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*",
     {"eyJ"},
     NULL},
    {"secrets",
     "bearer",
     "(?i)(?<=bearer )[A-Za-z0-9._~+/-]{12,}=*|(?<=basic )[A-Za-z0-9+/]{12,}={0,2}",
     {"earer ", "asic ", "EARER ", "ASIC "},
     NULL},
    {"secrets",
     "url-password",
     "(?<=://)[^\\s/:@\"'<>]{0,128}:[^\\s/@\"'<>]{1,256}(?=@)",
     {"://"},
     NULL},
    {"secrets",
     "assignment",
     "(?i)(?<![A-Za-z0-9])(?:api[_-]?key|secret[_-]?key|access[_-]?key|client[_-]?secret|auth[_-]?"
     "token|"
     "access[_-]?token|password|passwd|private[_-]?key)[\"']?\\s{0,4}[:=]\\s{0,4}[\"']?\\K"
     "[A-Za-z0-9+/_.~!@#$%^&*-]{8,}",
     {NULL},
     NULL},
    {"pii",
     "email",
     "(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\\.){1,8}[A-Za-z]{2,24}",
     {"@"},
     NULL},
    {"pii", "card", "(?<![0-9.-])[3-6]\\d{3}(?:[ -]?\\d){9,15}(?![0-9])", {NULL}, ly_redact_luhn},
    {"pii", "iban", B "[A-Z]{2}\\d{2}(?: ?[A-Z0-9]){11,30}" E, {NULL}, ly_redact_iban},
    {"pii",
     "us-ssn",
     "(?<![0-9-])(?!000|666|9\\d\\d)\\d{3}-(?!00)\\d{2}-(?!0000)\\d{4}(?![0-9-])",
     {"-"},
     NULL},
    {"pii",
     "phone",
     "(?<![0-9A-Za-z+])(?:\\+\\d{1,3}[ .-]?(?:\\(\\d{1,4}\\)[ .-]?)?(?:\\d[ "
     ".-]?){6,12}\\d|\\(\\d{3}\\) "
     "?\\d{3}[ .-]\\d{4}|\\d{3}[.-]\\d{3}[.-]\\d{4})(?![0-9])",
     {"+", "(", "-", "."},
     NULL},
};
const size_t ly_builtin_rules_n = LY_COUNT(ly_builtin_rules);

/* ----------------------------------------------------------------- key names */

/* Words of a key, lower case, without separators, joined from the end: "xapikey", "apikey", "key". */
static const char *const credentials[] = {
    "authorization", "apikey",      "apisecret", "password",        "passwd",       "passphrase",
    "secret",        "secretkey",   "accesskey", "privatekey",      "clientsecret", "accesstoken",
    "refreshtoken",  "idtoken",     "authtoken", "bearertoken",     "sessiontoken", "cookie",
    "setcookie",     "credentials", "apitoken",  "secretaccesskey",
};

static size_t fold_key(ly_str key, char *dst, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < key.len && n < size; i++) {
        char c = key.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c != '_' && c != '-' && c != ' ')
            dst[n++] = c;
    }
    return n;
}

bool ly_redact_key_is_credential(ly_str key)
{
    char folded[96];
    /* The last part after a dot, colon, slash or bracket is the name proper. */
    size_t start = key.len;
    while (start > 0 && !strchr(".:/[]", key.ptr[start - 1]))
        start--;
    ly_str name = ly_str_sub(key, start, key.len);
    if (name.len == 0 || name.len > sizeof folded)
        return false;
    ly_str word = ly_str_n(folded, fold_key(name, folded, sizeof folded));
    for (size_t i = 0; i < LY_COUNT(credentials); i++) {
        /* "x-api-key", "openai_api_key", "proxy-authorization": a prefix is allowed, a suffix is not
         * ("password_policy", "secret_count"). */
        if (ly_str_ends(word, ly_str_c(credentials[i])))
            return true;
    }
    return false;
}

/* -------------------------------------------------------------- check digits */

static bool is_luhn(ly_str text)
{
    unsigned sum = 0, n = 0;
    for (size_t i = text.len; i-- > 0;) {
        char c = text.ptr[i];
        if (c < '0' || c > '9')
            continue;
        unsigned digit = (unsigned)(c - '0');
        if (n++ % 2 == 1) {
            digit *= 2;
            if (digit > 9)
                digit -= 9;
        }
        sum += digit;
    }
    return n >= 13 && n <= 19 && sum % 10 == 0;
}

static unsigned iban_step(unsigned remainder, char c)
{
    if (c >= '0' && c <= '9')
        return (remainder * 10 + (unsigned)(c - '0')) % 97;
    if (c >= 'A' && c <= 'Z')
        return (remainder * 100 + (unsigned)(c - 'A') + 10) % 97;
    return remainder;
}

static bool is_iban(ly_str text)
{
    char plain[40];
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < sizeof plain; i++) {
        if (text.ptr[i] != ' ')
            plain[n++] = text.ptr[i];
    }
    if (n < 15 || n > 34)
        return false;
    unsigned remainder = 0;
    for (size_t i = 0; i < n; i++)
        remainder = iban_step(remainder, plain[(i + 4) % n]);
    return remainder == 1;
}

/* A greedy expression may have run into the words that follow the number. */
static size_t longest(ly_str text, bool (*is)(ly_str))
{
    for (size_t len = text.len; len > 0; len--) {
        if (text.ptr[len - 1] != ' ' && text.ptr[len - 1] != '-' && is(ly_str_sub(text, 0, len)))
            return len;
    }
    return 0;
}

size_t ly_redact_luhn(ly_str text)
{
    return longest(text, is_luhn);
}

size_t ly_redact_iban(ly_str text)
{
    return longest(text, is_iban);
}
