#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns schemas (*.kmsg) into C structs and the tables that the codec walks.

    generate.py OUTPUT_DIRECTORY SCHEMA...

writes wire_messages/<schema>.h, wire_messages/{messages,api_keys,tables}.h and message_tables.c. The language is described in README.md; only the standard library is used.
"""
import pathlib
import re
import sys

FOREVER = 32767
GYRES_OWN = 1000  # keys from here on are APIs that Kafka does not have
SCALARS = {  # type: (C type, kind, bytes on the wire)
    "bool": ("bool", "BOOL", 1), "int8": ("int8_t", "INT8", 1), "int16": ("int16_t", "INT16", 2),
    "uint16": ("uint16_t", "UINT16", 2), "int32": ("int32_t", "INT32", 4),
    "uint32": ("uint32_t", "UINT32", 4), "int64": ("int64_t", "INT64", 8),
    "float64": ("double", "FLOAT64", 8), "uuid": ("struct uuid", "UUID", 16),
    "string": ("struct string", "STRING", None), "bytes": ("struct bytes", "BYTES", None),
    "records": ("struct records", "RECORDS", None),
}
ARRAY_ELEMENTS = ("bool", "int8", "int16", "int32", "int64", "string", "uuid")
NUMBERS = ("bool", "int8", "int16", "uint16", "int32", "uint32", "int64")  # may have a default
KEYWORDS = set("auto break case char const continue default do double else enum extern float for "
               "goto if inline int long register restrict return short signed sizeof static "
               "struct switch typedef union unsigned void volatile while bool".split())


class SchemaError(Exception):
    pass


class Field:
    """One line of a schema: `name type[?] [versions] [= default] [tag N] [words]`."""

    def __init__(self, name, kind, versions):
        self.name = name
        self.kind = kind            # "scalar", "struct" or "array"
        self.element = None         # scalar type of a scalar or of an array's elements
        self.struct = None          # Struct of a struct or of an array's elements
        self.struct_name = None     # named struct, until resolved
        self.versions = versions
        self.nullable = None
        self.default = None
        self.tag = None
        self.words = set()

    def present(self, version):
        return self.versions[0] <= version <= self.versions[1]


class Struct:
    def __init__(self, c_name):
        self.c_name = c_name
        self.fields = []

    def wire_order(self):
        plain = [f for f in self.fields if f.tag is None]
        return plain + sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)


class Message:
    def __init__(self, name, kind, versions, flexible):
        self.name = name            # snake case, the C struct
        self.kind = kind            # request, response, header, data, internal
        self.versions = versions
        self.flexible = flexible    # first flexible version
        self.record = None          # the number before a record key
        self.is_own = kind == "internal"  # Kafka has no such message
        self.named = {}             # name: Struct
        self.root = Struct(name)

    def structs(self):
        """All structs, those that are embedded by value before their owners."""
        done = []

        def visit(struct):
            if struct in done:
                return
            for field in struct.fields:
                if field.struct is not None:
                    visit(field.struct)
            done.append(struct)

        for struct in self.named.values():
            visit(struct)
        visit(self.root)
        return done


class Schema:
    def __init__(self, path):
        self.stem = path.stem
        self.api = None             # (key, name, advertised, accepted, flexible)
        self.messages = []


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", lambda m: "_" + m[1], name).lower()


def parse_range(text, within):
    found = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
    if not found:
        raise SchemaError(f"'{text}' is not a range of versions")
    first = int(found[1])
    last = first if not found[2] else within[1] if found[2] == "+" else int(found[3])
    if not within[0] <= first <= last <= within[1]:
        raise SchemaError(f"versions {text} lie outside of {within[0]}-{within[1]}")
    return first, last


def parse_type(field, text):
    base, mark, null_versions = text.partition("?")
    if mark:
        field.nullable = parse_range(null_versions, field.versions) if null_versions \
            else field.versions
    prefix, name = (base[:2], base[2:]) if base[:2] in ("[]", "{}") else ("", base)
    field.kind = {"[]": "array", "{}": "struct", "": "scalar"}[prefix]
    if name in SCALARS and prefix != "{}":
        field.element = name
        if prefix and name not in ARRAY_ELEMENTS:
            raise SchemaError(f"no arrays of {name} yet; add them to message.h")
    elif prefix:
        field.struct_name = name
    else:
        raise SchemaError(f"unknown type '{text}'")


def parse_field(words, within):
    name, type_text, rest = words[0], words[1], words[2:]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in KEYWORDS:
        raise SchemaError(f"'{name}' cannot be a field name")
    field = Field(name, None, within)
    if rest and rest[0][0].isdigit():
        field.versions = parse_range(rest.pop(0), within)
    parse_type(field, type_text)
    while rest:
        word = rest.pop(0)
        if word == "=":
            field.default = rest.pop(0)
        elif word == "tag":
            field.tag = int(rest.pop(0))
        elif word in ("ignorable", "secret", "inflexible"):
            field.words.add(word)
        else:
            raise SchemaError(f"'{word}' is not understood")
    check_field(field)
    return field


def check_field(field):
    if field.default == "null" and field.nullable is None:
        raise SchemaError(f"{field.name}: the default is null but the field never is")
    if field.default not in (None, "null"):
        if field.kind != "scalar" or field.element not in NUMBERS:
            raise SchemaError(f"{field.name}: only numbers have such a default")
        if field.element == "bool" and field.default not in ("true", "false"):
            raise SchemaError(f"{field.name}: true or false")
        if field.element != "bool":
            int(field.default)
    if field.nullable and field.kind == "scalar" and \
            field.element not in ("string", "bytes", "records"):
        raise SchemaError(f"{field.name}: a {field.element} cannot be null")
    if field.nullable and field.kind == "struct" and field.default != "null":
        raise SchemaError(f"{field.name}: a struct that can be null has the default null")


class Parser:
    def __init__(self, path):
        self.path = path
        self.schema = Schema(path)
        self.message = None
        self.stack = []             # (indentation, Struct, versions)
        self.waiting = None         # (Struct, versions) of the field above, for deeper lines

    def parse(self):
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                self.line(line.split("#")[0].rstrip())
            except (SchemaError, ValueError, IndexError) as problem:
                raise SystemExit(f"{self.path}:{number}: {problem}") from None
        for message in self.schema.messages:
            self.resolve(message)
        return self.schema

    def line(self, text):
        if not text:
            return
        indent = len(text) - len(text.lstrip())
        words = text.split()
        if indent == 0:
            self.heading(words)
        elif indent == 4 and words[0] == "struct":
            struct = Struct(f"{self.message.name}_{words[1]}")
            self.message.named[words[1]] = struct
            self.stack = [(4, self.message.root, self.message.versions)]
            self.waiting = (struct, self.message.versions)
        else:
            self.field(indent, words)

    def heading(self, words):
        if words[0] == "api":
            options = self.options(words[3:])
            advertised = parse_range(options["versions"], (0, FOREVER))
            accepted = parse_range(options.get("accepts", options["versions"]), (0, FOREVER))
            flexible = self.flexible(options)
            self.schema.api = (int(words[1]), words[2], advertised, accepted, flexible)
        elif words[0] in ("request", "response"):
            key, name, _, accepted, flexible = self.schema.api
            message = Message(f"{snake(name)}_{words[0]}", words[0], accepted, flexible)
            message.is_own = key >= GYRES_OWN
            self.begin(message)
        elif words[0] in ("header", "data", "internal"):
            options = self.options(words[2:])
            message = Message(snake(words[1]), words[0],
                              parse_range(options["versions"], (0, FOREVER)),
                              self.flexible(options))
            if "record" in options:
                message.record = int(options["record"])
            self.begin(message)
        else:
            raise SchemaError(f"'{words[0]}' begins nothing known")

    @staticmethod
    def options(words):
        known = ("versions", "accepts", "flexible", "record")
        options = dict(zip(words[::2], words[1::2], strict=True))
        for word in options:
            if word not in known:
                raise SchemaError(f"'{word}' is not one of {', '.join(known)}")
        return options

    @staticmethod
    def flexible(options):
        return int(options["flexible"].rstrip("+")) if "flexible" in options else FOREVER

    def begin(self, message):
        self.message = message
        self.schema.messages.append(message)
        self.stack = [(4, message.root, message.versions)]
        self.waiting = None

    def field(self, indent, words):
        while self.stack and indent < self.stack[-1][0]:
            self.stack.pop()
        if self.stack and indent > self.stack[-1][0]:
            if self.waiting is None or indent != self.stack[-1][0] + 4:
                raise SchemaError("this line is indented too far")
            self.stack.append((indent, *self.waiting))
        _, struct, versions = self.stack[-1]
        field = parse_field(words, versions)
        if any(other.name == field.name for other in struct.fields):
            raise SchemaError(f"{field.name} stands here twice")
        struct.fields.append(field)
        self.waiting = None
        if field.struct_name == "":
            field.struct = Struct(f"{struct.c_name}_{field.name}")
            self.waiting = (field.struct, field.versions)

    def resolve(self, message):
        for struct in [message.root, *message.named.values()]:
            self.resolve_struct(message, struct)

    def resolve_struct(self, message, struct):
        tags = [f.tag for f in struct.fields if f.tag is not None]
        if sorted(tags) != list(range(len(tags))) and len(set(tags)) != len(tags):
            raise SystemExit(f"{self.path}: {struct.c_name}: a tag is used twice")
        for field in struct.fields:
            if field.tag is not None and field.versions[0] < message.flexible:
                raise SystemExit(f"{self.path}: {field.name}: a tag before the flexible versions")
            if field.struct is not None:
                self.resolve_struct(message, field.struct)
            elif field.struct_name:
                if field.struct_name not in message.named:
                    raise SystemExit(f"{self.path}: there is no struct {field.struct_name}")
                field.struct = message.named[field.struct_name]


def smallest_field(message, field, version):
    flexible = version >= message.flexible and "inflexible" not in field.words
    if field.tag is not None or not field.present(version):
        return 0
    if field.kind == "array":
        return 1 if flexible else 4
    if field.kind == "struct":
        return 1 if field.nullable else smallest(message, field.struct, version)
    size = SCALARS[field.element][2]
    if size is not None:
        return size
    return 1 if flexible else 2 if field.element == "string" else 4


def smallest(message, struct, version):
    return sum(smallest_field(message, f, version) for f in struct.fields) + \
        (1 if version >= message.flexible else 0)


def c_type(field):
    if field.kind == "array":
        return f"struct {field.struct.c_name}_array" if field.struct \
            else f"struct {field.element}_array"
    if field.kind == "struct":
        return f"struct {field.struct.c_name}"
    return SCALARS[field.element][0]


def emit_struct(struct, out):
    out.append(f"struct {struct.c_name} {{")
    for field in struct.fields:
        star = "*" if field.kind == "struct" and field.nullable else ""
        out.append(f"    {c_type(field)} {star}{field.name};")
    if not struct.fields:
        out.append("    char nothing; /* C has no empty structs */")
    out += ["};", ""]


def emit_element(struct, out):
    name = struct.c_name
    out += [f"extern const struct struct_layout {name}_layout;", "",
            f"static inline void {name}_init(struct {name} *instance)", "{",
            f"    message_init_struct(&{name}_layout, instance);", "}", "",
            f"MUST_USE static inline enum error {name}_array_alloc("
            f"struct {name}_array *array, struct arena *arena, int32_t count)", "{",
            f"    return message_array_alloc(&{name}_layout, arena, count, array);", "}", ""]


def emit_message(message, out):
    name = message.name
    structs = message.structs()
    for struct in structs[:-1]:
        out += [f"struct {struct.c_name}_array {{", f"    struct {struct.c_name} *items;",
                "    int32_t count;", "};", ""]
    for struct in structs:
        emit_struct(struct, out)
    for struct in structs[:-1]:
        emit_element(struct, out)
    upper = name.upper()
    out.append("enum {")
    if message.record is not None:
        out.append(f"    {upper}_RECORD = {message.record},")
    out += [f"    {upper}_VERSION_MIN = {message.versions[0]},",
            f"    {upper}_VERSION_MAX = {message.versions[1]},", "};", "",
            f"extern const struct message_layout {name}_layout;", "",
            f"static inline void {name}_init(struct {name} *message)", "{",
            f"    message_init(&{name}_layout, message);", "}", "",
            f"MUST_USE static inline enum error {name}_decode(int16_t version, "
            "struct reader *reader,", "    struct arena *arena, struct " + name + " *message)", "{",
            f"    return message_decode(&{name}_layout, version, reader, arena, message);", "}", "",
            f"MUST_USE static inline enum error {name}_encode(const struct {name} *message, "
            "int16_t version,", "    struct frame_output *output)", "{",
            f"    return message_encode(&{name}_layout, version, message, output);", "}", ""]


def emit_header(schema):
    guard = f"GYRE_WIRE_MESSAGES_{schema.stem.upper()}_H"
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           f"/* Generated by server/wire/generate.py from {schema.stem}.kmsg. */",
           f"#ifndef {guard}", f"#define {guard}", "", '#include "gyre/wire/message.h"', ""]
    for message in schema.messages:
        emit_message(message, out)
    out += ["#endif", ""]
    return "\n".join(out)


def default_number(field):
    if field.default in (None, "null") or field.kind != "scalar":
        return "0"
    if field.element == "bool":
        return "1" if field.default == "true" else "0"
    value = int(field.default)
    return "INT64_MIN" if value == -2**63 else f"INT64_C({value})"


def emit_field(struct, field, out):
    flags = [f"FIELD_{w.upper()}" for w in sorted(field.words)]
    if field.kind == "struct" and field.nullable:
        flags.append("FIELD_POINTER")
    if field.default == "null":
        flags.append("FIELD_NULL_DEFAULT")
    if field.tag is not None:
        flags.append("FIELD_TAGGED")
    kind = SCALARS[field.element][1] if field.kind == "scalar" else field.kind.upper()
    nullable = field.nullable or (FOREVER, -1)
    row = [f'.name = "{field.name}"', f".kind = FIELD_{kind}",
           f".offset = offsetof(struct {struct.c_name}, {field.name})",
           f".version_min = {field.versions[0]}", f".version_max = {field.versions[1]}",
           f".nullable_min = {nullable[0]}", f".nullable_max = {nullable[1]}"]
    if field.struct:
        row.append(f".nested = &{field.struct.c_name}_layout")
    if field.kind == "array":
        element = SCALARS[field.element][1] if field.element else "STRUCT"
        size = SCALARS[field.element][0] if field.element else f"struct {field.struct.c_name}"
        row += [f".element_kind = FIELD_{element}", f".element_size = sizeof({size})"]
    if default_number(field) != "0":
        row.append(f".default_number = {default_number(field)}")
    if field.tag is not None:
        row.append(f".tag = {field.tag}")
    if flags:
        row.append(".flags = " + " | ".join(flags))
    out.append("    {" + ", ".join(row) + "},")


def emit_struct_table(message, struct, name, storage, out):
    versions = range(message.versions[0], message.versions[1] + 1)
    sizes = ", ".join(str(smallest(message, struct, v)) for v in versions)
    out.append(f"static const uint16_t {name}_smallest[] = {{{sizes}}};")
    if struct.fields:
        out.append(f"static const struct field_layout {name}_fields[] = {{")
        for field in struct.wire_order():
            emit_field(struct, field, out)
        out.append("};")
    untagged = sum(1 for f in struct.fields if f.tag is None)
    out += [f"{storage}const struct struct_layout {name} = {{",
            f'    .name = "{struct.c_name}",',
            f"    .fields = {name + '_fields' if struct.fields else 'NULL'},",
            f"    .smallest_bytes = {name}_smallest,", f"    .size = sizeof(struct {struct.c_name}),",
            f"    .field_count = {len(struct.fields)},", f"    .untagged_count = {untagged},",
            "};", ""]


def emit_message_table(message, out):
    structs = message.structs()
    for struct in structs[:-1]:
        emit_struct_table(message, struct, f"{struct.c_name}_layout", "", out)
    emit_struct_table(message, message.root, f"{message.name}_root", "static ", out)
    out += [f"const struct message_layout {message.name}_layout = {{",
            f'    .name = "{message.name}",', f"    .root = &{message.name}_root,",
            f"    .version_min = {message.versions[0]},",
            f"    .version_max = {message.versions[1]},",
            f"    .flexible_min = {message.flexible},",
            f"    .is_internal = {'true' if message.is_own else 'false'},", "};", ""]


def emit_tables(schemas):
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Generated by server/wire/generate.py. */", "#include <stddef.h>", "",
           '#include "wire_messages/messages.h"', '#include "wire_messages/tables.h"', ""]
    for schema in schemas:
        for message in schema.messages:
            emit_message_table(message, out)
    out.append("const struct api_description api_table[API_KEY_MAX + 1] = {")
    for schema in (s for s in schemas if s.api):
        key, name, advertised, accepted, flexible = schema.api
        out += [f"    [{key}] = {{", f'        .name = "{name}",', f"        .key = {key},",
                f"        .request = &{snake(name)}_request_layout,",
                f"        .response = &{snake(name)}_response_layout,",
                f"        .advertised_min = {advertised[0]},",
                f"        .advertised_max = {advertised[1]},",
                f"        .accepted_min = {accepted[0]},", f"        .accepted_max = {accepted[1]},",
                f"        .flexible_min = {flexible},", "    },"]
    out += ["};", ""]
    names = [m.name for s in schemas for m in s.messages]
    out.append("const struct message_layout *const message_table[MESSAGE_COUNT] = {")
    out += [f"    &{name}_layout," for name in names]
    out += ["};", ""]
    return "\n".join(out)


def emit_keys(schemas):
    apis = sorted(s.api for s in schemas if s.api)
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Generated by server/wire/generate.py from the schemas. */",
           "#ifndef GYRE_WIRE_MESSAGES_API_KEYS_H", "#define GYRE_WIRE_MESSAGES_API_KEYS_H", "",
           "enum api_key {"]
    out += [f"    API_{snake(name).upper()} = {key}," for key, name, *_ in apis]
    out += ["};", "", "#endif", ""]
    return "\n".join(out)


def emit_table_header(schemas):
    key_max = max(s.api[0] for s in schemas if s.api)
    count = sum(len(s.messages) for s in schemas)
    return "\n".join([
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Generated by server/wire/generate.py: for api.c and for tests that go over all. */",
        "#ifndef GYRE_WIRE_MESSAGES_TABLES_H", "#define GYRE_WIRE_MESSAGES_TABLES_H", "",
        '#include "gyre/wire/api.h"', "", "enum {", f"    API_KEY_MAX = {key_max},",
        f"    MESSAGE_COUNT = {count},", "};", "",
        "/* By key; gaps have a NULL name. */",
        "extern const struct api_description api_table[API_KEY_MAX + 1];",
        "extern const struct message_layout *const message_table[MESSAGE_COUNT];", "",
        "#endif", ""])


def emit_all(schemas):
    guard = "GYRE_WIRE_MESSAGES_MESSAGES_H"
    out = ["/* SPDX-License-Identifier: Apache-2.0 */",
           "/* Generated by server/wire/generate.py: every message, for tests and tables. */",
           f"#ifndef {guard}", f"#define {guard}", ""]
    out += [f'#include "wire_messages/{s.stem}.h"' for s in schemas]
    out += ["", "#endif", ""]
    return "\n".join(out)


def write(path, text):
    """Leaves an equal file alone, so that nothing is compiled again for its sake."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def check_unique(schemas):
    seen = set()
    for schema in schemas:
        if schema.stem in seen:
            raise SystemExit(f"two schemas are called {schema.stem}")
        seen.add(schema.stem)
        for message in schema.messages:
            for struct in message.structs():
                if struct.c_name in seen:
                    raise SystemExit(f"two structs would be called {struct.c_name}")
                seen.add(struct.c_name)


def main(arguments):
    output = pathlib.Path(arguments[0])
    schemas = [Parser(pathlib.Path(name)).parse() for name in sorted(arguments[1:])]
    check_unique(schemas)
    for schema in schemas:
        write(output / "wire_messages" / f"{schema.stem}.h", emit_header(schema))
    write(output / "wire_messages" / "messages.h", emit_all(schemas))
    write(output / "wire_messages" / "api_keys.h", emit_keys(schemas))
    write(output / "wire_messages" / "tables.h", emit_table_header(schemas))
    write(output / "message_tables.c", emit_tables(schemas))


if __name__ == "__main__":
    main(sys.argv[1:])
