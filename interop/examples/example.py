import sys

import pulsar

url = sys.argv[1] if len(sys.argv) > 1 else "pulsar://localhost:6650"
client = pulsar.Client(url)

consumer = client.subscribe("my-topic", "my-subscription")
producer = client.create_producer("my-topic")

producer.send(b"hello")

message = consumer.receive(timeout_millis=10000)
print("received:", message.data().decode())
consumer.acknowledge(message)

client.close()
