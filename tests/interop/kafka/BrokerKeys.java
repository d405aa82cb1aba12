// SPDX-License-Identifier: Apache-2.0
import org.apache.kafka.common.config.ConfigDef;

/** Prints every key of Apache Kafka's broker configuration, one a line. */
public class BrokerKeys {
    public static void main(String[] arguments) throws Exception {
        Class<?> config = Class.forName("org.apache.kafka.server.config.AbstractKafkaConfig");
        ConfigDef definition = (ConfigDef) config.getField("CONFIG_DEF").get(null);
        definition.names().stream().sorted().forEach(System.out::println);
    }
}
