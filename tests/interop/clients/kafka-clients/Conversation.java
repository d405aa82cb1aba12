/* SPDX-License-Identifier: Apache-2.0 */

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** Holding conversations, reporting them as JSON lines, asking the harness for a fault. */
final class Conversation {
    static final long BASE_MS = 1_700_000_000_000L;
    private static final long DEADLINE_MS = 60_000;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final BufferedReader ANSWERS =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    /** One conversation: answers its observations. */
    interface Held {
        Map<String, Object> hold(String prefix) throws Exception;
    }

    private Conversation() {
    }

    static void say(Map<String, Object> line) throws IOException {
        System.out.println(JSON.writeValueAsString(new TreeMap<>(line)));
        System.out.flush();
    }

    /** Asks the harness to kill or restart a broker; returns when that has been done. */
    static void ask(String action, int broker) throws IOException {
        say(Map.of("ask", action, "broker", broker));
        if (!"done".equals(ANSWERS.readLine())) {
            throw new IllegalStateException("the harness could not " + action + " " + broker);
        }
    }

    static void until(String what, BooleanSupplier attempt) throws InterruptedException {
        long end = System.currentTimeMillis() + DEADLINE_MS;
        while (!attempt.getAsBoolean()) {
            if (System.currentTimeMillis() > end) {
                throw new IllegalStateException(what + ": not within " + DEADLINE_MS + " ms");
            }
            Thread.sleep(50);
        }
    }

    /** Holds those that are wanted, or all; answers the exit code. */
    static int holdAll(String version, String prefix, List<String> wanted, Map<String, Held> all)
        throws IOException {
        int failed = 0;
        for (Map.Entry<String, Held> one : all.entrySet()) {
            String name = one.getKey();
            if (!wanted.isEmpty() && !wanted.contains(name)) {
                continue;
            }
            Map<String, Object> line = new TreeMap<>();
            line.put("client", "kafka-clients");
            line.put("version", version);
            line.put("conversation", name);
            try {
                line.put("observations", one.getValue().hold(prefix + "-" + name));
                line.put("ok", true);
            } catch (Exception problem) {
                problem.printStackTrace();
                line.put("ok", false);
                line.put("observations", Map.of());
                line.put("problem", problem.toString());
                failed = 1;
            }
            say(line);
        }
        return failed;
    }
}
