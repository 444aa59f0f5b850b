// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"

	"github.com/eclipse/paho.golang/paho"
)

type pahoClient struct {
	client    *paho.Client
	onPayload func([]byte)
}

func (p *pahoClient) publish(payload []byte, qos byte) error {
	_, err := p.client.Publish(context.Background(), &paho.Publish{Topic: topic, QoS: qos, Payload: payload})
	return err
}

func (p *pahoClient) subscribe(qos byte, onPayload func([]byte)) error {
	p.onPayload = onPayload
	options := []paho.SubscribeOptions{{Topic: filter, QoS: qos}}
	_, err := p.client.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: options})
	return err
}

// It has callbacks only.
func (p *pahoClient) iterate(qos byte, onPayload func([]byte)) error {
	return p.subscribe(qos, onPayload)
}

func main() {
	run(func(port int) client {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		fail(err)
		p := &pahoClient{}
		p.client = paho.NewClient(paho.ClientConfig{
			Conn: conn,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){
				func(received paho.PublishReceived) (bool, error) {
					p.onPayload(received.Packet.Payload)
					return true, nil
				},
			},
		})
		connect := &paho.Connect{ClientID: "bench-paho", CleanStart: true, KeepAlive: 30}
		_, err = p.client.Connect(context.Background(), connect)
		fail(err)
		return p
	})
}
