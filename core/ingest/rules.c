/*
 * ingest: the built-in redaction rules. A rule is a row; nothing else has to change for a new one but
 * its lines in tests/ingest/test_redact.c.
 *
 * Shapes of keys: the providers' own documentation and the public rules of secret scanners. Each is
 * anchored on a prefix that ordinary text does not have, or on a check digit; a false mark costs the
 * reader a value, so bare "32 hex digits" is no rule.
 */
#include "ingest/rules.h"

#include <arpa/inet.h>

#define B        "(?<![A-Za-z0-9_-])" /* not inside a word */
#define E        "(?![A-Za-z0-9_-])"
#define NOT_CODE "[^;\\s\"'&,()\\[\\]]"

static size_t card_length(ly_str text);
static size_t iban_length(ly_str text);
static size_t ip_length(ly_str text);

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
    /* A digit is asked for: "sk-" also begins names of packages and classes. */
    {"secrets", "openai-key", B "sk-(?=[A-Za-z_-]{0,200}\\d)[A-Za-z0-9_-]{20,}", {"sk-"}, NULL},
    {"secrets", "google-key", B "AIza[0-9A-Za-z_-]{35}" E, {"AIza"}, NULL},
    {"secrets",
     "google-oauth",
     B "(?:ya29\\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,}|1//0[0-9A-Za-z_-]{30,})",
     {"ya29.", "GOCSPX-", "1//0"},
     NULL},
    {"secrets",
     "aws-key",
     B "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}" E,
     {"AKIA", "ASIA", "ABIA", "ACCA"},
     NULL},
    {"secrets",
     "aws-secret",
     "(?i)aws[\\w .\"'-]{0,40}[:=]\\s{0,4}\\\\?[\"']?\\K[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
     {"aws", "AWS", "Aws"},
     NULL},
    {"secrets", "aws-bedrock-key", B "ABSK[A-Za-z0-9+/]{60,}={0,2}", {"ABSK"}, NULL},
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
    {"secrets",
     "slack-token",
     B "(?:xox[abceoprs]-[A-Za-z0-9-]{10,}|xapp-\\d-[A-Za-z0-9-]{20,})",
     {"xox", "xapp-"},
     NULL},
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
    {"secrets", "lydite-key", B "ly[kr]_[A-Za-z0-9]{32,}", {"lyk_", "lyr_"}, NULL},
    {"secrets", "nvidia-key", B "nvapi-[A-Za-z0-9_-]{40,}", {"nvapi-"}, NULL},
    {"secrets", "cerebras-key", B "csk-[a-z0-9]{40,}", {"csk-"}, NULL},
    {"secrets", "fireworks-key", B "fw_[A-Za-z0-9]{22,}", {"fw_"}, NULL},
    {"secrets", "together-key", B "tgp_v1_[A-Za-z0-9_-]{30,}", {"tgp_v1_"}, NULL},
    {"secrets", "tavily-key", B "tvly-[A-Za-z0-9-]{20,}", {"tvly-"}, NULL},
    {"secrets", "firecrawl-key", B "fc-[a-f0-9]{32}" E, {"fc-"}, NULL},
    {"secrets", "pinecone-key", B "pcsk_[A-Za-z0-9_]{40,}", {"pcsk_"}, NULL},
    {"secrets", "jina-key", B "jina_[A-Za-z0-9_-]{40,}", {"jina_"}, NULL},
    {"secrets", "elevenlabs-key", B "sk_[a-f0-9]{48}" E, {"sk_"}, NULL},
    {"secrets", "e2b-key", B "e2b_[a-f0-9]{40}" E, {"e2b_"}, NULL},
    {"secrets", "linear-key", B "lin_api_[A-Za-z0-9]{32,}", {"lin_api_"}, NULL},
    {"secrets", "notion-key", B "(?:secret|ntn)_[A-Za-z0-9]{40,}", {"secret_", "ntn_"}, NULL},
    {"secrets", "shopify-token", B "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", {"shp"}, NULL},
    {"secrets", "square-token", B "sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}", {"sq0"}, NULL},
    {"secrets", "twilio-key", B "SK[0-9a-f]{32}" E, {"SK"}, NULL},
    {"secrets", "mailgun-key", B "key-[0-9a-f]{32}" E, {"key-"}, NULL},
    {"secrets", "atlassian-token", B "ATATT3[A-Za-z0-9_=-]{60,}", {"ATATT3"}, NULL},
    {"secrets", "docker-token", B "dckr_pat_[A-Za-z0-9_-]{20,}", {"dckr_pat_"}, NULL},
    {"secrets", "grafana-token", B "gl(?:sa|c)_[A-Za-z0-9+/=_-]{30,}", {"glsa_", "glc_"}, NULL},
    {"secrets", "newrelic-key", B "NRAK-[A-Z0-9]{20,}", {"NRAK-"}, NULL},
    {"secrets", "doppler-token", B "dp\\.(?:pt|st|ct|sa)\\.[A-Za-z0-9]{30,}", {"dp."}, NULL},
    {"secrets",
     "supabase-key",
     B "(?:sbp|sb_secret)_[A-Za-z0-9_-]{20,}",
     {"sbp_", "sb_secret_"},
     NULL},
    {"secrets", "sentry-token", B "sntry[su]_[A-Za-z0-9+/=_-]{40,}", {"sntry"}, NULL},
    {"secrets", "postman-key", B "PMAK-[a-f0-9-]{50,}", {"PMAK-"}, NULL},
    {"secrets", "age-key", "AGE-SECRET-KEY-1[0-9A-Z]{50,}", {"AGE-SECRET-KEY-1"}, NULL},
    {"secrets", "airtable-token", B "pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}", {"pat"}, NULL},
    {"secrets",
     "terraform-token",
     "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_-]{60,}",
     {".atlasv1."},
     NULL},
    {"secrets", "azure-secret", "[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}", {"8Q~"}, NULL},
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
     "authorization",
     "(?i)authorization\\\\?[\"']?\\s{0,4}[:=]\\s{0,4}\\\\?[\"']?(?:[a-z-]{3,12} )?\\K"
     "(?=[a-z._~+/=:-]{0,255}\\d)[a-z0-9._~+/=:-]{12,}",
     {"uthorization", "UTHORIZATION"},
     NULL},
    {"secrets",
     "cookie",
     "(?i)(?<![a-z])(?:set-)?cookie:\\s{0,2}\\K[a-z0-9_.-]{1,64}=[^\\s;\"']{4,}"
     "(?:; ?[a-z0-9_.-]{1,64}(?:=[^\\s;\"']*)?)*",
     {"ookie:", "OOKIE:"},
     NULL},
    {"secrets",
     "url-password",
     "(?<=://)[^\\s/:@\"'<>]{0,128}:[^\\s/\"'<>]{1,256}(?=@)",
     {"://"},
     NULL},
    {"secrets",
     "url-token",
     "(?i)(?<=[?&])(?:token|key|sig|signature|auth|subscription-key|x-amz-signature|"
     "x-amz-security-token|x-goog-signature)=\\K(?=[^\\s&\"'<>#]{0,400}\\d)[^\\s&\"'<>#]{16,}",
     {"?", "&"},
     NULL},
    /* Connection strings and command lines. What stands in a program ("password=password", a call, an
     * index) has no digit, or goes on with a bracket. */
    {"secrets",
     "password",
     "(?i)(?<![a-z0-9])(?:password|passwd|pwd)=(?![/$~<{\\[(])\\K(?:" NOT_CODE "{3,128}(?=;)|"
     "(?=[^;\\s\"'&,()\\[\\]]{0,128}[\\d!@#$%^*~?])" NOT_CODE "{4,128}+(?![(\\[]))",
     {"word=", "WORD=", "wd=", "WD="},
     NULL},
    {"secrets",
     "assignment",
     "(?i)(?<![a-z0-9])(?:api[_ -]?key|secret[_ -]?key|access[_ -]?key|client[_ -]?secret|"
     "(?:auth|access|refresh|session|bearer|api)[_ -]?token|password|passwd|passphrase|"
     "private[_ -]?key)\\\\?[\"']?\\s{0,4}(?::=|=>|[:=])\\s{0,4}(?:"
     /* in quotes: anything but a placeholder */
     "\\\\?[\"']\\K(?!your|<|\\$|\\{\\{|\\.\\.\\.|x{4}|\\*{3}|\\[redacted)[^\"'\\\\\\r\\n]{6,256}"
     "(?=\\\\?[\"'])|"
     /* bare: with a digit, and no path, variable, call or index */
     "(?![/.~$<{\\[])\\K(?=[^\\s\"',;(){}<>]{0,255}\\d)[a-z0-9+/_.~!@#$%^&*=-]{8,256}+(?![(\\[]))",
     {NULL},
     NULL},
    {"pii",
     "email",
     "(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\\.){1,8}[A-Za-z]{2,24}",
     {"@"},
     NULL},
    {"pii",
     "card",
     "(?<![0-9A-Za-z.-])[2-6]\\d{3}(?:[ -]?\\d){8,15}(?![0-9A-Za-z])",
     {NULL},
     card_length},
    {"pii",
     "ip",
     "(?<![0-9A-Za-z.:-])(?<![^/]/)(?<!ersion )(?:\\d{1,3}(?:\\.\\d{1,3}){3}(?![0-9A-Za-z]|\\.\\d)|"
     "[0-9A-Fa-f:]{2,35}:[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:]))",
     {".", ":"},
     ip_length},
    {"pii", "iban", B "[A-Z]{2}\\d{2}(?: ?[A-Z0-9]){11,30}" E, {NULL}, iban_length},
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

/* Words of a key, lower case, without separators. `whole`: only where a word begins ("id_token", not
 * "valid_token"); the others count at the end of any word ("openaiapikey"). */
static const struct {
    const char *text;
    bool whole;
} credentials[] = {
    {"authorization", false},   {"apikey", false},       {"apisecret", false},
    {"password", false},        {"passwd", false},       {"passphrase", false},
    {"secretkey", false},       {"accesskey", false},    {"privatekey", false},
    {"clientsecret", false},    {"accesstoken", false},  {"refreshtoken", false},
    {"authtoken", false},       {"bearertoken", false},  {"sessiontoken", false},
    {"apitoken", false},        {"credentials", false},  {"connectionstring", false},
    {"secret", true},           {"idtoken", true},       {"cookie", true},
    {"signingkey", true},       {"encryptionkey", true}, {"webhooksecret", true},
    {"secretaccesskey", false},
};

typedef struct folded {
    char text[96];
    bool begins[96]; /* a word begins here */
    size_t n;
} folded;

static bool is_separator(char c)
{
    return c == '_' || c == '-' || c == ' ';
}

static void fold_key(ly_str key, folded *f)
{
    f->n = 0;
    for (size_t i = 0; i < key.len && f->n < sizeof f->text; i++) {
        char c = key.ptr[i], before = i > 0 ? key.ptr[i - 1] : '_';
        bool upper = c >= 'A' && c <= 'Z', after_lower = before >= 'a' && before <= 'z';
        if (is_separator(c))
            continue;
        f->begins[f->n] = is_separator(before) || (upper && after_lower);
        f->text[f->n++] = upper ? (char)(c - 'A' + 'a') : c;
    }
}

static bool ends_with_word(const folded *f, const char *word, bool whole)
{
    size_t len = strlen(word);
    return f->n >= len && memcmp(f->text + f->n - len, word, len) == 0 &&
           (!whole || f->begins[f->n - len]);
}

ly_redact_force ly_redact_key_force(ly_str key)
{
    folded f;
    /* The last part after a dot, colon, slash or bracket is the name proper. */
    size_t start = key.len;
    while (start > 0 && !strchr(".:/[]", key.ptr[start - 1]))
        start--;
    ly_str name = ly_str_sub(key, start, key.len);
    if (name.len == 0 || name.len > sizeof f.text)
        return LY_FORCE_NOT;
    fold_key(name, &f);
    for (size_t i = 0; i < LY_COUNT(credentials); i++) {
        /* "x-api-key", "openai_api_key", "proxy-authorization": a prefix is allowed, a suffix is not
         * ("password_policy", "secret_count"). */
        if (ends_with_word(&f, credentials[i].text, credentials[i].whole))
            return LY_FORCE_ALL;
    }
    /* A token may be a word of a model's answer, or what pages go by. */
    return ends_with_word(&f, "token", true) ? LY_FORCE_IF_SECRET : LY_FORCE_NOT;
}

bool ly_redact_looks_secret(ly_str text)
{
    bool digit = false, letter = false;
    if (text.len < 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c <= ' ' || c >= 0x7f)
            return false;
        digit = digit || (c >= '0' && c <= '9');
        letter = letter || ((c | 32) >= 'a' && (c | 32) <= 'z');
    }
    return digit && letter;
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

/* Issuers and their lengths (ISO/IEC 7812): a number that only passes the check digit is any tenth one. */
static bool is_card(ly_str text)
{
    char d[20];
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < sizeof d; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            d[n++] = text.ptr[i];
    if (n < 13 || n > 19 || !is_luhn(text))
        return false;
    unsigned four = (unsigned)(d[0] - '0') * 1000 + (unsigned)(d[1] - '0') * 100 +
                    (unsigned)(d[2] - '0') * 10 + (unsigned)(d[3] - '0');
    unsigned two = four / 100;
    if (d[0] == '4')
        return n == 13 || n == 16 || n == 19;
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720))
        return n == 16;
    if (two == 34 || two == 37)
        return n == 15;
    if ((four >= 3000 && four <= 3059) || two == 36 || two == 38 || two == 39)
        return n == 14 || n == 16;
    return n >= 16 && (two == 35 || two == 60 || two == 62 || two == 64 || two == 65 || two == 50 ||
                       (two >= 56 && two <= 58) || two == 63 || two == 67);
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

/* The longest prefix that is a card number by Luhn's check and an issuer's first digits and length; spaces
 * and hyphens between the digits are allowed. 0 = none. */
static size_t card_length(ly_str text)
{
    return longest(text, is_card);
}

/* The longest prefix that is an IBAN by the check of ISO 13616, spaces allowed. 0 = none. */
static size_t iban_length(ly_str text)
{
    return longest(text, is_iban);
}

/* Of four small numbers nobody knows whether they are a version; this machine is nobody's. */
static bool is_public_v4(const uint8_t b[4])
{
    bool small = b[0] < 10 && b[1] < 10 && b[2] < 10 && b[3] < 10;
    return !small && b[0] != 127 && b[0] != 0 && !(b[0] == 255 && b[1] == 255);
}

/* All of it when it is an IP address that may be a person's: not this machine's, no version. 0 = not. */
static size_t ip_length(ly_str text)
{
    char copy[48];
    uint8_t b[16];
    size_t colons = 0;
    if (text.len >= sizeof copy)
        return 0;
    (void)ly_str_copy(text, copy, sizeof copy);
    if (inet_pton(AF_INET, copy, b) == 1)
        return is_public_v4(b) ? text.len : 0;
    for (size_t i = 0; i < text.len; i++)
        colons += text.ptr[i] == ':';
    if (inet_pton(AF_INET6, copy, b) != 1)
        return 0;
    bool known = (b[0] & 0xe0) == 0x20 || (b[0] & 0xfe) == 0xfc || b[0] == 0xfe;
    return known && (colons >= 3 || b[0] >= 0xfc) ? text.len : 0;
}
