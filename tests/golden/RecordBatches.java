// SPDX-License-Identifier: Apache-2.0

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.TimestampType;

/** Prints "magic codec hex" of the records of record_batches.py, as Kafka's own builder writes them. */
public final class RecordBatches {
    private static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static void append(MemoryRecordsBuilder builder, byte magic, int i) {
        String key = i == 2 ? null : "key-" + i;
        String value = i == 3 ? null : ("value-" + i + " ").repeat(20);
        Header[] headers = {new RecordHeader("header-" + i, bytes("h")),
                            new RecordHeader("null", (byte[]) null)};
        long timestamp = 1700000000000L + i;
        if (magic == 2 && i == 1) {
            builder.append(timestamp, bytes(key), bytes(value), headers);
        } else {
            builder.append(timestamp, bytes(key), bytes(value));
        }
    }

    public static void main(String[] arguments) {
        for (byte magic = 0; magic <= 2; magic++) {
            for (CompressionType type : CompressionType.values()) {
                if (magic < 2 && type == CompressionType.ZSTD) {
                    continue;
                }
                ByteBuffer buffer = ByteBuffer.allocate(8192);
                MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, magic,
                    Compression.of(type).build(), TimestampType.CREATE_TIME, 0L);
                for (int i = 0; i < 5; i++) {
                    append(builder, magic, i);
                }
                ByteBuffer built = builder.build().buffer();
                byte[] out = new byte[built.remaining()];
                built.get(out);
                System.out.println(magic + " " + type.name + " " + HexFormat.of().formatHex(out));
            }
        }
    }
}
