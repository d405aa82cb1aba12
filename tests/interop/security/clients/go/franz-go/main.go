// SPDX-License-Identifier: Apache-2.0

// The conversation, held by franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	hello "gyre.interop/security"
)

func mechanism(given *hello.Given) (sasl.Mechanism, error) {
	auth := scram.Auth{User: given.Username, Pass: given.Password}
	switch given.Mechanism {
	case "PLAIN":
		return plain.Auth{User: given.Username, Pass: given.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return auth.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return auth.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return oauth.Auth{Token: given.Token}.AsMechanism(), nil
	default:
		return nil, hello.Absent("Kerberos is a module of its own, with an interface to fill in")
	}
}

func options(given *hello.Given) ([]kgo.Opt, error) {
	list := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(given.Bootstrap, ",")...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordDeliveryTimeout(10 * time.Second),
		kgo.RetryTimeout(8 * time.Second),
	}
	config, err := given.TLS()
	if err != nil {
		return nil, err
	}
	if config != nil {
		list = append(list, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(given.Protocol, "SASL") {
		one, err := mechanism(given)
		if err != nil {
			return nil, err
		}
		list = append(list, kgo.SASL(one))
	}
	return list, nil
}

func hold(given *hello.Given) (int, error) {
	context := context.Background()
	list, err := options(given)
	if err != nil {
		return 0, err
	}
	producer, err := kgo.NewClient(list...)
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	if err := producer.Ping(context); err != nil {
		return 0, err
	}
	for i := range hello.Count {
		record := &kgo.Record{Topic: given.Topic, Value: []byte(fmt.Sprint(i))}
		if err := producer.ProduceSync(context, record).FirstErr(); err != nil {
			return 0, err
		}
	}
	consumer, err := kgo.NewClient(append(list, kgo.ConsumerGroup(given.Group),
		kgo.ConsumeTopics(given.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return 0, err
	}
	defer consumer.Close()
	received := 0
	for received < hello.Count {
		fetches := consumer.PollFetches(context)
		if failed := fetches.Errors(); len(failed) > 0 {
			return received, errors.Join(failed[0].Err)
		}
		received += fetches.NumRecords()
	}
	return received, nil
}

func main() {
	hello.Main("github.com/twmb/franz-go", hold)
}
