// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.Readable;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Writes what Kafka's own serializers write: for each message class named as "kind folder class" on
 * the command line after the output directory, and for each version it knows, lines of
 * "kind sample hex" into FOLDER/VERSION.hex. Versions that have a line of the kind are left alone,
 * so that a second run with an older jar adds only what the newer one has forgotten.
 *
 * The content is made up from the message's schema, read into the real message class and written
 * by it; it depends on names only, so that every run gives the same bytes.
 */
public final class GoldenBytes {
    private enum Sample { FULL, SPARSE }

    private final Sample sample;
    private final String message;

    private GoldenBytes(Sample sample, String message) {
        this.sample = sample;
        this.message = message;
    }

    public static void main(String[] arguments) throws Exception {
        Path output = Path.of(arguments[0]);
        for (int i = 1; i + 2 < arguments.length; i += 3) {
            writeMessage(output, arguments[i], arguments[i + 1], arguments[i + 2]);
        }
    }

    private static void writeMessage(Path output, String kind, String folder, String name)
            throws Exception {
        Class<?> type;
        try {
            type = Class.forName(name);
        } catch (ClassNotFoundException missing) {
            System.err.println("not in this jar: " + name);
            return;
        }
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = 0; version < schemas.length; version++) {
            if (schemas[version] == null) {
                continue;
            }
            Path file = output.resolve(folder).resolve(version + ".hex");
            Files.createDirectories(file.getParent());
            if (Files.exists(file) && Files.readString(file).contains("\n" + kind + " ")) {
                continue;
            }
            StringBuilder lines = new StringBuilder();
            if (!Files.exists(file)) {
                lines.append("# written by Kafka's own serializers; see tests/golden/README.md\n");
            }
            for (Sample sample : Sample.values()) {
                byte[] bytes = new GoldenBytes(sample, name).serialize(type, schemas[version], version);
                lines.append(kind).append(' ').append(sample.name().toLowerCase()).append(' ')
                    .append(HexFormat.of().formatHex(bytes)).append('\n');
            }
            append(file, lines.toString());
        }
    }

    private static void append(Path file, String text) throws IOException {
        String before = Files.exists(file) ? Files.readString(file) : "";
        Files.writeString(file, before + text);
    }

    private byte[] serialize(Class<?> type, Schema schema, short version) throws Exception {
        Struct struct = fill(schema, "");
        ByteBuffer draft = ByteBuffer.allocate(1 << 20);
        schema.write(draft, struct);
        draft.flip();
        Constructor<?> constructor = type.getConstructor(Readable.class, short.class);
        Message data = (Message) constructor.newInstance(new ByteBufferAccessor(draft), version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer result = ByteBuffer.allocate(data.size(cache, version));
        data.write(new ByteBufferAccessor(result), cache, version);
        if (result.hasRemaining()) {
            throw new IllegalStateException(type + " writes less than its size");
        }
        return result.array();
    }

    private Struct fill(Schema schema, String path) {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) {
            struct.set(field, value(field.def.type, path + "." + field.def.name));
        }
        return struct;
    }

    private Object value(Type type, String path) {
        Random random = new Random((message + path + sample).hashCode());
        if (type instanceof TaggedFields tagged) {
            return tags(tagged, path);
        }
        if (sample == Sample.SPARSE && type.isNullable()) {
            return null;
        }
        if (type.isArray()) {
            int count = sample == Sample.SPARSE ? 1 : 2;
            Object[] items = new Object[count];
            for (int i = 0; i < count; i++) {
                items[i] = value(type.arrayElementType().get(), path + "[" + i + "]");
            }
            return items;
        }
        if (type instanceof Schema schema) {
            return fill(schema, path);
        }
        return scalar(((Type.DocumentedType) type).typeName(), random, path);
    }

    private Object tags(TaggedFields tagged, String path) {
        Map<Integer, Object> values = new TreeMap<>();
        if (sample == Sample.FULL) {
            for (Map.Entry<Integer, Field> entry : fieldsOf(tagged).entrySet()) {
                values.put(entry.getKey(),
                    value(entry.getValue().type, path + "." + entry.getValue().name));
            }
        }
        return values;
    }

    private Object scalar(String type, Random random, String path) {
        switch (type) {
            case "BOOLEAN": return random.nextBoolean();
            case "INT8": return (byte) (1 + random.nextInt(100));
            case "INT16": return (short) random.nextInt();
            case "UINT16": return random.nextInt(65536);
            case "INT32": return random.nextInt();
            case "UINT32": return random.nextInt() & 0xffffffffL;
            case "INT64": return random.nextLong();
            case "FLOAT64": return random.nextDouble();
            case "UUID": return new Uuid(random.nextLong(), random.nextLong());
            default: break;
        }
        if (type.endsWith("STRING")) {
            int dot = path.lastIndexOf('.');
            return path.substring(dot + 1) + "-\u00e9-" + random.nextInt(1000);
        }
        byte[] bytes = new byte[sample == Sample.SPARSE ? 0 : 1 + random.nextInt(200)];
        random.nextBytes(bytes);
        if (type.endsWith("BYTES")) {
            return ByteBuffer.wrap(bytes);
        }
        if (type.endsWith("RECORDS")) {
            return records(ByteBuffer.wrap(bytes));
        }
        throw new IllegalArgumentException("no value for " + type + " at " + path);
    }

    /** Older releases have no accessor for them. */
    @SuppressWarnings("unchecked")
    private static Map<Integer, Field> fieldsOf(TaggedFields tagged) {
        try {
            java.lang.reflect.Field fields = TaggedFields.class.getDeclaredField("fields");
            fields.setAccessible(true);
            return (Map<Integer, Field>) fields.get(tagged);
        } catch (ReflectiveOperationException unknown) {
            throw new IllegalStateException(unknown);
        }
    }

    /** Serializers do not look into records; their class has moved between releases. */
    private static Object records(ByteBuffer bytes) {
        for (String place : new String[] {"record.internal.", "record."}) {
            try {
                return Class.forName("org.apache.kafka.common." + place + "MemoryRecords")
                    .getMethod("readableRecords", ByteBuffer.class).invoke(null, bytes);
            } catch (ReflectiveOperationException elsewhere) {
                continue;
            }
        }
        throw new IllegalStateException("no MemoryRecords in this jar");
    }
}
