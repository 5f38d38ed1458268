package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/apache/pulsar-client-go/pulsar"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	url := "pulsar://localhost:6650"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	client, err := pulsar.NewClient(pulsar.ClientOptions{URL: url})
	check(err)
	defer client.Close()

	consumer, err := client.Subscribe(pulsar.ConsumerOptions{
		Topic:            "my-topic",
		SubscriptionName: "my-subscription",
	})
	check(err)
	producer, err := client.CreateProducer(pulsar.ProducerOptions{Topic: "my-topic"})
	check(err)

	_, err = producer.Send(context.Background(), &pulsar.ProducerMessage{Payload: []byte("hello")})
	check(err)

	message, err := consumer.Receive(context.Background())
	check(err)
	fmt.Println("received:", string(message.Payload()))
	check(consumer.Ack(message))
}
