/*
 * Kafka's own record batches, asked over stdin: one JSON request a line, one JSON answer a line.
 *
 *   {"op":"write","codec","baseOffset","leaderEpoch","records":[...], "producerId"?,"producerEpoch"?,"baseSequence"?}
 *                                            -> {"batch": base64}
 *   {"op":"marker"} {"op":"empty"}           -> {"batch": base64}   an abort marker; a batch emptied by compaction
 *   {"op":"read","batches": base64}          -> {"batches":[{baseOffset, lastOffset, codec, ..., "records":[...]}]}
 *
 * A record is {"offset","timestampMs","key","value","headers":[[name, value]...]}, with base64 or null for bytes. What
 * Kafka refuses is {"error": text}. Run by `java -cp 'jars/*' Records.java`.
 */
import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Records {
    static final ObjectMapper json = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode answer;
            try {
                answer = answer(json.readTree(line));
            } catch (Throwable error) {
                answer = json.createObjectNode().put("error", error.toString());
            }
            out.println(json.writeValueAsString(answer));
        }
    }

    static JsonNode answer(JsonNode request) {
        return switch (request.get("op").asText()) {
            case "write" -> batch(write(request));
            case "marker" -> batch(MemoryRecords.withEndTransactionMarker(
                77, 1_700_000_000_000L, 5, 4_000_000_000L, (short) 3,
                new EndTransactionMarker(ControlRecordType.ABORT, 9)).buffer());
            case "empty" -> {
                var buffer = ByteBuffer.allocate(61);
                DefaultRecordBatch.writeEmptyHeader(buffer, (byte) 2, 4_000_000_000L, (short) 3, 12, 100, 109, 5,
                    TimestampType.CREATE_TIME, 1_700_000_000_000L, false, false);
                buffer.flip();
                yield batch(buffer);
            }
            case "read" -> read(ByteBuffer.wrap(Base64.getDecoder().decode(request.get("batches").asText())));
            default -> throw new IllegalArgumentException("no such op");
        };
    }

    static ByteBuffer write(JsonNode request) {
        var builder = MemoryRecords.builder(ByteBuffer.allocate(1024), (byte) 2,
            Compression.of(request.get("codec").asText()).build(), TimestampType.CREATE_TIME,
            request.get("baseOffset").asLong(), RecordBatch.NO_TIMESTAMP,
            request.path("producerId").asLong(-1), (short) request.path("producerEpoch").asInt(-1),
            request.path("baseSequence").asInt(-1), false, request.get("leaderEpoch").asInt());
        for (var record : request.get("records")) {
            var headers = new ArrayList<Header>();
            for (var header : record.get("headers"))
                headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
            builder.append(record.get("timestampMs").asLong(), bytes(record.get("key")), bytes(record.get("value")),
                headers.toArray(new Header[0]));
        }
        return builder.build().buffer();
    }

    static JsonNode read(ByteBuffer buffer) {
        var answer = json.createObjectNode();
        var batches = answer.putArray("batches");
        for (var batch : MemoryRecords.readableRecords(buffer).batches()) {
            batch.ensureValid();
            var each = batches.addObject();
            each.put("baseOffset", batch.baseOffset()).put("lastOffset", batch.lastOffset())
                .put("codec", batch.compressionType().name).put("leaderEpoch", batch.partitionLeaderEpoch())
                .put("maxTimestamp", batch.maxTimestamp()).put("timestampType", batch.timestampType().name)
                .put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch())
                .put("baseSequence", batch.baseSequence()).put("transactional", batch.isTransactional())
                .put("control", batch.isControlBatch());
            var records = each.putArray("records");
            for (var record : batch) {
                record.ensureValid();
                var one = records.addObject();
                one.put("offset", record.offset()).put("timestampMs", record.timestamp())
                    .put("key", base64(record.key())).put("value", base64(record.value()));
                var headers = one.putArray("headers");
                for (var header : record.headers())
                    headers.addArray().add(header.key())
                        .add(header.value() == null ? null : Base64.getEncoder().encodeToString(header.value()));
            }
        }
        return answer;
    }

    static JsonNode batch(ByteBuffer buffer) {
        return json.createObjectNode().put("batch", base64(buffer));
    }

    static byte[] bytes(JsonNode node) {
        return node.isNull() ? null : Base64.getDecoder().decode(node.asText());
    }

    static String base64(ByteBuffer buffer) {
        if (buffer == null) return null;
        var bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
