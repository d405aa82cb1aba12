// SPDX-License-Identifier: Apache-2.0

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** One JSON argument in, one JSON line out. */
public final class Driver {
    private static final int COUNT = 5;
    private static final long LIMIT_MS = 25_000;
    private static final String MODULES = "org.apache.kafka.common.security.";

    private Driver() {
    }

    private static String login(JsonNode given) throws Exception {
        switch (given.get("mechanism").asText()) {
        case "PLAIN":
            return MODULES + "plain.PlainLoginModule required username=\""
                + given.get("username").asText() + "\" password=\""
                + given.get("password").asText() + "\";";
        case "OAUTHBEARER":
            return MODULES + "oauthbearer.OAuthBearerLoginModule required;";
        case "GSSAPI":
            return "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true "
                + "doNotPrompt=true;";
        default:
            return MODULES + "scram.ScramLoginModule required username=\""
                + given.get("username").asText() + "\" password=\""
                + given.get("password").asText() + "\";";
        }
    }

    private static Properties settings(JsonNode given) throws Exception {
        Properties settings = new Properties();
        String protocol = given.get("protocol").asText();
        settings.put("bootstrap.servers", given.get("bootstrap").asText());
        settings.put("security.protocol", protocol);
        settings.put("key.serializer", StringSerializer.class.getName());
        settings.put("value.serializer", StringSerializer.class.getName());
        settings.put("key.deserializer", StringDeserializer.class.getName());
        settings.put("value.deserializer", StringDeserializer.class.getName());
        settings.put("max.block.ms", "20000");
        if (protocol.endsWith("SSL")) {
            settings.put("ssl.truststore.type", "PEM");
            settings.put("ssl.truststore.location", given.get("ca").asText());
        }
        if (given.hasNonNull("certificate")) {
            settings.put("ssl.keystore.type", "PEM");
            settings.put("ssl.keystore.certificate.chain",
                Files.readString(Path.of(given.get("certificate").asText())));
            settings.put("ssl.keystore.key", Files.readString(Path.of(given.get("key").asText())));
        }
        if (protocol.startsWith("SASL")) {
            settings.put("sasl.mechanism", given.get("mechanism").asText());
            settings.put("sasl.jaas.config", login(given));
            settings.put("sasl.kerberos.service.name", "kafka");
        }
        if (given.path("mechanism").asText().equals("OAUTHBEARER")) {
            Path file = Files.createTempFile("token", ".jwt");
            Files.writeString(file, given.get("token").asText());
            file.toFile().deleteOnExit();
            System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls",
                file.toUri().toString());
            System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.files", file.toString());
            settings.put("sasl.login.callback.handler.class",
                MODULES + "oauthbearer.OAuthBearerLoginCallbackHandler");
            settings.put("sasl.oauthbearer.token.endpoint.url", file.toUri().toString());
        }
        return settings;
    }

    private static List<String> hold(JsonNode given) throws Exception {
        String topic = given.get("topic").asText();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings(given))) {
            for (int i = 0; i < COUNT; i++) {
                producer.send(new ProducerRecord<>(topic, 0, null, String.valueOf(i))).get();
            }
        } catch (ExecutionException failed) {
            throw (Exception) failed.getCause();
        }
        Properties settings = settings(given);
        settings.put("group.id", given.get("group").asText());
        settings.put("auto.offset.reset", "earliest");
        List<String> received = new ArrayList<>();
        long end = System.currentTimeMillis() + LIMIT_MS;
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of(topic));
            while (received.size() < COUNT && System.currentTimeMillis() < end) {
                for (ConsumerRecord<String, String> one : consumer.poll(Duration.ofMillis(200))) {
                    received.add(one.value());
                }
            }
        }
        return received;
    }

    /** Runs. */
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        if (System.getenv("KRB5_CONFIG") != null) {
            System.setProperty("java.security.krb5.conf", System.getenv("KRB5_CONFIG"));
        }
        ObjectNode answer = mapper.createObjectNode();
        answer.put("version", AppInfoParser.getVersion());
        try {
            List<String> received = hold(mapper.readTree(arguments[0]));
            List<String> wanted = IntStream.range(0, COUNT).mapToObj(String::valueOf).toList();
            answer.put("ok", received.equals(wanted));
            answer.put("received", received.size());
            if (!received.equals(wanted)) {
                answer.put("error", "received " + received);
            }
        } catch (Exception problem) {
            Throwable cause = problem.getCause() == null ? problem : problem.getCause();
            answer.put("ok", false);
            answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
        }
        System.out.println(mapper.writeValueAsString(answer));
        System.exit(0);
    }
}
