// SPDX-License-Identifier: Apache-2.0

// The conversation, held by sarama.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"log"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
	hello "gyre.interop/security"
)

// scramClient is what sarama asks its users to bring.
type scramClient struct {
	make         func() hash.Hash
	conversation *scram.ClientConversation
}

func (one *scramClient) Begin(user, password, authorization string) error {
	client, err := scram.HashGeneratorFcn(one.make).NewClient(user, password, authorization)
	if err == nil {
		one.conversation = client.NewConversation()
	}
	return err
}

func (one *scramClient) Step(challenge string) (string, error) {
	return one.conversation.Step(challenge)
}

func (one *scramClient) Done() bool { return one.conversation.Done() }

type token string

func (one token) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: string(one)}, nil
}

func useSASL(given *hello.Given, config *sarama.Config) {
	config.Net.SASL.Enable = true
	config.Net.SASL.Version = sarama.SASLHandshakeV1
	config.Net.SASL.Mechanism = sarama.SASLMechanism(given.Mechanism)
	config.Net.SASL.User, config.Net.SASL.Password = given.Username, given.Password
	switch given.Mechanism {
	case sarama.SASLTypeSCRAMSHA256:
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
			return &scramClient{make: sha256.New}
		}
	case sarama.SASLTypeSCRAMSHA512:
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
			return &scramClient{make: sha512.New}
		}
	case sarama.SASLTypeOAuth:
		config.Net.SASL.TokenProvider = token(given.Token)
	case sarama.SASLTypeGSSAPI:
		config.Net.SASL.GSSAPI = sarama.GSSAPIConfig{
			AuthType: sarama.KRB5_CCACHE_AUTH, ServiceName: "kafka",
			Username: "of the ticket", Realm: "of the ticket",
			CCachePath:         strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:"),
			KerberosConfigPath: os.Getenv("KRB5_CONFIG"), DisablePAFXFAST: true,
		}
	}
}

func configure(given *hello.Given) (*sarama.Config, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Metadata.Retry.Max = 1
	config.Net.DialTimeout, config.Net.ReadTimeout = 8*time.Second, 8*time.Second
	settings, err := given.TLS()
	config.Net.TLS.Enable, config.Net.TLS.Config = settings != nil, settings
	if strings.HasPrefix(given.Protocol, "SASL") {
		useSASL(given, config)
	}
	return config, err
}

// reader counts what comes and stops when all of it is there.
type reader struct {
	received int
	stop     context.CancelFunc
}

func (one *reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (one *reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (one *reader) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for range claim.Messages() {
		one.received++
		if one.received == hello.Count {
			one.stop()
			return nil
		}
	}
	return nil
}

func hold(given *hello.Given) (int, error) {
	config, err := configure(given)
	if err != nil {
		return 0, err
	}
	brokers := strings.Split(given.Bootstrap, ",")
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return 0, err
	}
	for i := range hello.Count {
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: given.Topic, Value: sarama.StringEncoder(fmt.Sprint(i))}); err != nil {
			return 0, err
		}
	}
	_ = producer.Close()
	group, err := sarama.NewConsumerGroup(brokers, given.Group, config)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	one := &reader{stop: stop}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{given.Topic}, one); err != nil && ctx.Err() == nil {
			return one.received, err
		}
	}
	return one.received, group.Close()
}

func main() {
	sarama.Logger = log.New(&hello.Notes, "", 0)
	hello.Main("github.com/IBM/sarama", hold)
}
