/*
 * Kafka's command-line tools, run one after the other in one Java: a start of Java apiece would take most of the time.
 *
 *   {"tool": class, "words": [...], "input": text}  ->  {"code", "out", "err"}
 *
 * A tool ends as it would as a process: what it prints after its exit is lost, then its shutdown hooks run. Run by
 * `java -cp 'jars/*' Tools.java`.
 */
import com.fasterxml.jackson.databind.*;
import java.io.*;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.utils.Exit;

public class Tools {
    static final ObjectMapper json = new ObjectMapper();
    static final List<Runnable> hooks = new ArrayList<>();
    static Integer code;

    /** How a tool is left once it has said its exit code; no tool catches it as what it knows. */
    static class Left extends Error {}

    public static void main(String[] args) throws Exception {
        var out = System.out;
        var log = Files.createTempFile("tools", ".properties");
        Files.writeString(log, String.join("\n",
            "status = error", "appender.c.type = Console", "appender.c.name = C", "appender.c.target = SYSTEM_ERR",
            "appender.c.follow = true", "appender.c.layout.type = PatternLayout", "appender.c.layout.pattern = %p %m%n",
            "rootLogger.level = warn", "rootLogger.appenderRef.c.ref = C"));
        System.setProperty("log4j2.configurationFile", log.toString());
        log.toFile().deleteOnExit();
        Exit.setExitProcedure((status, message) -> leave(status));
        Exit.setHaltProcedure((status, message) -> leave(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) out.println(json.writeValueAsString(run(json.readTree(line))));
        System.exit(0);
    }

    static void leave(int status) {
        if (code == null) {
            code = status;
            System.setOut(new PrintStream(OutputStream.nullOutputStream()));
            System.setErr(new PrintStream(OutputStream.nullOutputStream()));
        }
        throw new Left();
    }

    static JsonNode run(JsonNode asked) throws Exception {
        code = null;
        hooks.clear();
        var said = new ByteArrayOutputStream();
        var told = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(asked.get("input").asText().getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(told, true, StandardCharsets.UTF_8));
        var words = json.convertValue(asked.get("words"), String[].class);
        try {
            Class.forName(asked.get("tool").asText()).getMethod("main", String[].class).invoke(null, (Object) words);
        } catch (InvocationTargetException ended) {
            if (!(ended.getCause() instanceof Left) && code == null) {
                System.err.print("Exception in thread \"main\" ");
                ended.getCause().printStackTrace();
                code = 1;
            }
        }
        System.setErr(new PrintStream(told, true, StandardCharsets.UTF_8));
        for (Runnable hook : hooks) try { hook.run(); } catch (Throwable late) { /* It was closed already. */ }
        System.out.flush();
        System.err.flush();
        return json.createObjectNode().put("code", code == null ? 0 : code)
            .put("out", said.toString(StandardCharsets.UTF_8)).put("err", told.toString(StandardCharsets.UTF_8));
    }
}
