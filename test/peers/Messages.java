/*
 * Kafka's own messages, asked over stdin: one JSON request a line, one JSON answer a line.
 *
 *   {"op":"keys"}                              -> {"keys":[...]}  the APIs that a broker's listener may advertise
 *   {"op":"definition","name"}                 -> {"text"}        a message's definition as Kafka publishes it
 *   {"op":"recode","class","version","bytes"}  -> {"bytes"}       decoded and encoded again by the generated class
 *
 * Bytes are base64. What Kafka refuses, and bytes that are left over, are {"error": text}. Run by
 * `java -cp 'jars/*' Messages.java`.
 */
import com.fasterxml.jackson.databind.*;
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;

public class Messages {
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

    static JsonNode answer(JsonNode request) throws Exception {
        var answer = json.createObjectNode();
        switch (request.get("op").asText()) {
            case "keys" -> {
                var keys = answer.putArray("keys");
                for (var key : ApiKeys.apisForListener(ApiMessageType.ListenerType.BROKER)) keys.add(key.id);
            }
            case "definition" -> {
                var path = "common/message/" + request.get("name").asText() + ".json";
                try (var file = Messages.class.getClassLoader().getResourceAsStream(path)) {
                    if (file == null) throw new FileNotFoundException(path);
                    answer.put("text", new String(file.readAllBytes(), StandardCharsets.UTF_8));
                }
            }
            case "recode" -> answer.put("bytes", recode(request));
            default -> throw new IllegalArgumentException("no such op");
        }
        return answer;
    }

    static String recode(JsonNode request) throws Exception {
        var version = (short) request.get("version").asInt();
        var bytes = ByteBuffer.wrap(Base64.getDecoder().decode(request.get("bytes").asText()));
        var message = (Message) Class.forName(request.get("class").asText()).getDeclaredConstructor().newInstance();
        message.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) throw new IllegalStateException(bytes.remaining() + " bytes are left over");
        var written = MessageUtil.toByteBufferAccessor(message, version).buffer();
        var again = new byte[written.remaining()];
        written.get(again);
        return Base64.getEncoder().encodeToString(again);
    }
}
