"""Random OTLP messages against Google's protobuf implementation, both directions.

usage: oracle.py TOOL ROUNDS SEED     (otlp_pb2 and otlp_bytes_pb2 on the path, see run.sh)

For each round a random TracesData or LogsData is made and
  1. read by ours, written from the fields, parsed by theirs: equal
  2. the same for what theirs makes of two messages concatenated (merging) with unknown fields between
  3. written as JSON by ours, parsed by theirs (ids as hex, as OTLP has it): equal
  4. written as JSON by theirs in several styles, read by ours: equal
  5. with bytes changed at random: what ours accepts, theirs accepts and reads alike
"""
import base64
import json
import random
import struct
import subprocess
import sys

from google.protobuf import json_format
from google.protobuf.message import DecodeError
import otlp_bytes_pb2 as loose
import otlp_pb2 as pb

tool, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(seed)
proc = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def ask(mode, data):
    proc.stdin.write(mode.encode() + struct.pack("<I", len(data)) + data)
    proc.stdin.flush()
    status, n = struct.unpack("<BI", proc.stdout.read(5))
    return status, proc.stdout.read(n)


ALPHABET = "ab.c_\"\\/\x00\x01\n\t\x7fé¤ÿ\u2028\u07ff\u0800\uffff\U0001f639\U0010ffff"


def text(limit=12):
    n = rnd.choice([0, 1, rnd.randrange(limit), rnd.randrange(limit), 126, 127, 128, 129, 300])
    return "".join(rnd.choice(ALPHABET) for _ in range(n))


def blob():
    return bytes(rnd.randrange(256) for _ in range(rnd.choice([0, 1, 2, 3, 16, 130])))


def i64():
    return rnd.choice([0, 1, -1, 127, 128, 2**31, -2**31, 2**53 + 1, 2**63 - 1, -2**63,
                       rnd.randrange(-2**63, 2**63)])


def u32():
    return rnd.choice([0, 0, 1, 127, 128, 300, 2**31, 2**32 - 1])


def time():
    return rnd.choice([0, 1, 1544712660123456789, 2**63 - 1, rnd.randrange(2**63)])


def real():
    return rnd.choice([0.0, -0.0, 0.1, 1.0, 1e22, 5e-324, 1.7976931348623157e308, float("inf"),
                       float("-inf"), float("nan"), rnd.uniform(-1e9, 1e9),
                       rnd.random() * 10.0 ** rnd.randrange(-300, 300)])


def fill_any(value, depth):
    kind = rnd.randrange(9 if depth < 6 else 6)
    if kind == 0:
        value.string_value = text()
    elif kind == 1:
        value.bool_value = rnd.random() < 0.5
    elif kind == 2:
        value.int_value = i64()
    elif kind == 3:
        value.double_value = real()
    elif kind == 4:
        value.bytes_value = blob()
    elif kind == 5:
        pass  # the empty value
    elif kind in (6, 7):
        value.array_value.SetInParent()
        for _ in range(rnd.randrange(4)):
            fill_any(value.array_value.values.add(), depth + 1)
    else:
        value.kvlist_value.SetInParent()
        fill_attrs(value.kvlist_value.values, depth + 1)


def fill_attrs(attrs, depth=0):
    for _ in range(rnd.randrange(4)):
        kv = attrs.add()
        kv.key = text()
        kv.value.SetInParent()
        fill_any(kv.value, depth)


def ident(n):
    value = bytes(rnd.randrange(256) for _ in range(n))
    return value if any(value) else b"\x01" * n


def fill_span(span):
    span.trace_id = ident(16)
    span.span_id = ident(8)
    if rnd.random() < 0.5:
        span.parent_span_id = ident(8)
    if rnd.random() < 0.8:
        span.trace_state, span.name = text(), text()
        span.kind = rnd.choice([0, 1, 3, 5, 99])
        span.start_time_unix_nano, span.end_time_unix_nano = time(), time()
    fill_attrs(span.attributes)
    span.dropped_attributes_count, span.dropped_events_count = u32(), u32()
    span.dropped_links_count, span.flags = u32(), rnd.choice([1, 257, 2**32 - 1])
    for _ in range(rnd.randrange(3)):
        event = span.events.add()
        event.time_unix_nano, event.name = rnd.randrange(2**64), text()
        event.dropped_attributes_count = u32()
        fill_attrs(event.attributes)
    for _ in range(rnd.randrange(3)):
        link = span.links.add()
        link.trace_id, link.span_id, link.trace_state = ident(16), ident(8), text()
        link.dropped_attributes_count, link.flags = u32(), u32()
        fill_attrs(link.attributes)
    if rnd.random() < 0.6:
        span.status.message = text()
        span.status.code = rnd.choice([0, 1, 2, 7])
        if not span.status.message and span.status.code == 0:
            span.ClearField("status")


def fill_log(log):
    log.time_unix_nano, log.observed_time_unix_nano = time(), time()
    log.severity_number = rnd.choice([0, 9, 24, 77])
    log.severity_text = text()
    # ours fills an empty name from the attribute event.name, which the alphabet cannot spell
    log.event_name = text()
    if rnd.random() < 0.7:
        fill_any(log.body, 0)
        if not log.body.WhichOneof("value"):
            log.ClearField("body")
    fill_attrs(log.attributes)
    log.dropped_attributes_count, log.flags = u32(), u32()
    if rnd.random() < 0.7:
        log.trace_id, log.span_id = ident(16), ident(8)


def message(traces):
    data = pb.TracesData() if traces else pb.LogsData()
    for r in range(rnd.randrange(1, 3)):
        resource = data.resource_spans.add() if traces else data.resource_logs.add()
        # the count tells apart what the writer would otherwise put into one group
        resource.resource.dropped_attributes_count = r + 1
        fill_attrs(resource.resource.attributes)
        resource.schema_url = text()
        for s in range(rnd.randrange(1, 3)):
            scope = resource.scope_spans.add() if traces else resource.scope_logs.add()
            scope.scope.name, scope.scope.version, scope.schema_url = text(), text(), text()
            scope.scope.dropped_attributes_count = s + 1
            fill_attrs(scope.scope.attributes)
            for _ in range(rnd.randrange(1, 3)):
                fill_span(scope.spans.add()) if traces else fill_log(scope.log_records.add())
    return data


def canonical(data):
    return data.SerializeToString(deterministic=True)


def strip(data):
    copy = type(data)()
    copy.CopyFrom(data)
    copy.DiscardUnknownFields()
    return canonical(copy)


def check(condition, what, data):
    if not condition:
        if isinstance(data, str):
            data = data.encode()
        print(f"round {number}, seed {seed}: {what}; {len(data)} bytes\n{data[:1500]!r}")
        sys.exit(1)


ID_KEYS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
INT_KEYS = {"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano", "intValue",
            "start_time_unix_nano", "end_time_unix_nano", "time_unix_nano",
            "observed_time_unix_nano", "int_value"}


def ids(node, convert, numbers=False):
    """Ids between base64 (proto3 JSON) and hex (OTLP); 64-bit integers as numbers where asked."""
    if isinstance(node, list):
        return [ids(child, convert, numbers) for child in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if key in ID_KEYS:
            out[key] = convert(value)
        elif numbers and key in INT_KEYS:
            out[key] = int(value)
        else:
            out[key] = ids(value, convert, numbers)
    return out


def to_hex(value):
    digits = base64.b64decode(value).hex()
    return digits.upper() if rnd.random() < 0.3 else digits


def from_hex(value):
    return base64.b64encode(bytes.fromhex(value)).decode()


def json_by_theirs(data):
    tree = json_format.MessageToDict(
        data, use_integers_for_enums=rnd.random() < 0.7,
        preserving_proto_field_name=rnd.random() < 0.3,
        including_default_value_fields=rnd.random() < 0.3)
    tree = ids(tree, to_hex, numbers=rnd.random() < 0.5)
    return json.dumps(tree, ensure_ascii=rnd.random() < 0.5,
                      indent=rnd.choice([None, 1])).encode()


def items_of(data, traces):
    for resource in data.resource_spans if traces else data.resource_logs:
        for scope in resource.scope_spans if traces else resource.scope_logs:
            yield from scope.spans if traces else scope.log_records


accepted = 0
for number in range(rounds):
    traces = number % 2 == 0
    up = str.upper if traces else str.lower
    data = message(traces)
    wire = data.SerializeToString()

    status, back = ask(up("F"), wire)
    check(status == 0, f"F refused: {status} {back[:80]!r}", wire)
    check(canonical(type(data).FromString(back)) == canonical(data), "F differs", wire)

    status, back = ask(up("W"), wire)
    check(status == 0, f"W refused: {status}", wire)
    check(b"lyditeWire" not in back, "W needed lyditeWire", wire)
    theirs = json_format.ParseDict(ids(json.loads(back), from_hex), type(data)())
    check(canonical(theirs) == canonical(data), "W differs", back)

    document = json_by_theirs(data)
    status, back = ask(up("J"), document)
    check(status == 0, f"J refused: {back!r}", document)
    check(canonical(type(data).FromString(back)) == canonical(data), "J differs", document)

    # concatenation merges; the raw concatenation is sent, so that ours does the merging
    first, second = message(traces), message(traces)
    a, b = list(items_of(first, traces))[0], list(items_of(second, traces))[0]
    unknown = pb.Unknown(a=rnd.randrange(2**64), b=1, c=blob(), d=2).SerializeToString()
    joined = a.SerializeToString() + unknown + b.SerializeToString()

    def field(no, payload):
        n, head = len(payload), b""
        while n >= 0x80:
            head += bytes([n & 0x7F | 0x80])
            n >>= 7
        return bytes([no << 3 | 2]) + head + bytes([n]) + payload

    request = field(1, field(2, field(2, joined)))
    merged = type(data).FromString(request)
    status, back = ask(up("F"), request)
    check(status == 0, f"merged refused: {status}", request)
    got = list(items_of(type(data).FromString(back), traces))[0]
    want = list(items_of(merged, traces))[0]
    # a status of only defaults is not written again
    if traces and want.HasField("status") and not want.status.message and want.status.code == 0:
        want.ClearField("status")
    check(strip(got) == strip(want), "merged differs", request)
    status, back = ask(up("W"), request)
    check(status == 0 and b"lyditeWire" in back, "W lost unknown fields", request)
    status, again = ask(up("J"), back)
    check(status == 0 and again == request, "JSON did not lead back to the same bytes", request)

    damaged = bytearray(wire)
    for _ in range(rnd.choice([1, 1, 1, 2])):
        damaged[rnd.randrange(len(damaged))] = rnd.randrange(256)
    damaged = bytes(damaged)
    status, back = ask(up("W"), damaged)
    if status != 0:
        continue
    lossy = b"lyditeWire" in back or b"\xef\xbf\xbd" in back
    try:
        theirs = type(data).FromString(damaged)
    except (DecodeError, UnicodeDecodeError):
        # they refuse strings that are not UTF-8, which we keep; nothing else may differ, so that they
        # must read it when every string field is declared as bytes
        try:
            (loose.TracesData if traces else loose.LogsData).FromString(damaged)
        except DecodeError:
            check(False, "theirs refuses what ours reads", damaged)
        continue
    if lossy:
        # merged or unknown fields: JSON's members alone do not say all
        continue
    accepted += 1
    mine = json_format.ParseDict(ids(json.loads(back), from_hex), type(data)())
    check(sorted(strip(item) for item in items_of(mine, traces)) ==
          sorted(strip(item) for item in items_of(theirs, traces)), "damaged differs", damaged)

proc.stdin.close()
if proc.wait() != 0:
    print("the tool ended with", proc.returncode)
    sys.exit(1)
print(f"{rounds} messages each way, {accepted} damaged ones read by both (seed {seed})")
