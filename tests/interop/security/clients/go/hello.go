// SPDX-License-Identifier: Apache-2.0

// Package hello is what the Go drivers share: one JSON argument in, one JSON line out.
package hello

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	Count = 5
	Limit = 25 * time.Second
)

// Given is the argument.
type Given struct {
	Bootstrap, Topic, Group, Protocol, Mechanism string
	Username, Password, Token                    string
	CA                                           string `json:"ca"`
	Certificate, Key                             string
}

// Absent is the error of a client that lacks a mechanism.
type Absent string

func (absent Absent) Error() string { return string(absent) }

// Notes takes what a client only logs; its end is said with an error.
var Notes notes

type notes struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (one *notes) Write(line []byte) (int, error) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	return one.text.Write(line)
}

func (one *notes) end() string {
	const most = 600
	one.mutex.Lock()
	defer one.mutex.Unlock()
	text := strings.TrimSpace(one.text.String())
	return text[max(0, len(text)-most):]
}

// TLS is what the argument says of it; nil without TLS.
func (given *Given) TLS() (*tls.Config, error) {
	if !strings.HasSuffix(given.Protocol, "SSL") {
		return nil, nil
	}
	pem, err := os.ReadFile(given.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	if given.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(given.Certificate, given.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func version(module string) string {
	if info, found := debug.ReadBuildInfo(); found {
		for _, one := range info.Deps {
			if one.Path == module {
				return one.Version
			}
		}
	}
	return ""
}

// Main holds the conversation, which gives how many records it read back, and says how it went.
func Main(module string, hold func(given *Given) (int, error)) {
	var given Given
	answer := map[string]any{"version": version(module)}
	err := json.Unmarshal([]byte(os.Args[len(os.Args)-1]), &given)
	done := make(chan error, 1)
	received := 0
	if err == nil {
		go func() {
			var failed error
			received, failed = hold(&given)
			done <- failed
		}()
		select {
		case err = <-done:
		case <-time.After(Limit):
			err = fmt.Errorf("not within %v", Limit)
		}
	}
	var absent Absent
	switch {
	case errors.As(err, &absent):
		answer["absent"] = absent.Error()
	case err != nil:
		answer["ok"], answer["error"] = false, strings.TrimSuffix(err.Error()+"; "+Notes.end(), "; ")
	default:
		answer["ok"], answer["received"] = received == Count, received
	}
	text, _ := json.Marshal(answer)
	fmt.Println(string(text))
}
