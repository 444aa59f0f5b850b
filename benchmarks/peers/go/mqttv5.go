// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/ashtonian/mqttv5"
	"github.com/ashtonian/mqttv5/wire"
)

type referenceClient struct {
	client *mqttv5.Client
}

// The error of a call, however many results it has.
func last(results ...any) error {
	err, _ := results[len(results)-1].(error)
	return err
}

func (r *referenceClient) publish(payload []byte, qos byte) error {
	return last(r.client.Publish(context.Background(), wire.PublishOpts{Topic: topic, QoS: qos, Payload: payload}))
}

func filters(qos byte) []mqttv5.TopicFilter {
	return []mqttv5.TopicFilter{{Topic: filter, QoS: qos}}
}

func (r *referenceClient) subscribe(qos byte, onPayload func([]byte)) error {
	return last(r.client.SubscribeCallback(context.Background(), filters(qos), func(m *mqttv5.Message) {
		onPayload(m.Payload)
	}))
}

// The unbounded queue: its channels drop what finds them full.
func (r *referenceClient) iterate(qos byte, onPayload func([]byte)) error {
	queue, _, err := r.client.SubscribeQueue(context.Background(), filters(qos))
	if err != nil {
		return err
	}
	go func() {
		for {
			m, ok := queue.Dequeue(context.Background())
			if !ok {
				return
			}
			onPayload(m.Payload)
			_ = m.Ack()
		}
	}()
	return nil
}

func main() {
	run(func(port int) client {
		broker := mqttv5.WithBroker(fmt.Sprintf("mqtt://127.0.0.1:%d", port))
		r, err := mqttv5.New(broker, mqttv5.WithClientID("bench-reference"))
		fail(err)
		fail(last(r.Connect(context.Background())))
		return &referenceClient{r}
	})
}
