import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;

public class Example {
    public static void main(String[] args) throws Exception {
        String url = args.length > 0 ? args[0] : "pulsar://localhost:6650";
        try (PulsarClient client = PulsarClient.builder().serviceUrl(url).build();
             Consumer<byte[]> consumer = client.newConsumer().topic("my-topic")
                     .subscriptionName("my-subscription").subscribe();
             Producer<byte[]> producer = client.newProducer().topic("my-topic").create()) {
            producer.send("hello".getBytes(StandardCharsets.UTF_8));

            Message<byte[]> message = consumer.receive(10, TimeUnit.SECONDS);
            System.out.println("received: " + new String(message.getData(), StandardCharsets.UTF_8));
            consumer.acknowledge(message);
        }
    }
}
