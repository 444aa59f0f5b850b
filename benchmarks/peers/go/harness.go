// SPDX-License-Identifier: Apache-2.0

// One run of a Go client: the same settings, counterpart and result as worker.mjs has for the clients of Node.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"sort"
	"syscall"
	"time"
)

const (
	chunk  = 256
	period = 4096
	topic  = "sensors/building-7/floor-3/temperature"
	filter = "sensors/#"
)

type client interface {
	publish(payload []byte, qos byte) error
	subscribe(qos byte, onPayload func([]byte)) error
	iterate(qos byte, onPayload func([]byte)) error
}

type settings struct {
	Workload string  `json:"workload"`
	Port     int     `json:"port"`
	Control  int     `json:"control"`
	QoS      byte    `json:"qos"`
	Size     int     `json:"size"`
	Window   int     `json:"window"`
	Iterator bool    `json:"iterator"`
	Duration float64 `json:"duration"`
	WarmUp   float64 `json:"warmUp"`
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Control of the counterpart: a line of JSON each way.
type control struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (c *control) ask(command map[string]any) {
	line, err := json.Marshal(command)
	fail(err)
	_, err = c.conn.Write(append(line, '\n'))
	fail(err)
	answer, err := c.reader.ReadBytes('\n')
	fail(err)
	var failure struct{ Error string }
	fail(json.Unmarshal(answer, &failure))
	if failure.Error != "" {
		fail(fmt.Errorf("the counterpart: %s", failure.Error))
	}
}

func publishes(s settings, c *control, cl client) func(int, *[]float64) {
	payloads := make([][]byte, period)
	for i := range payloads {
		payloads[i] = make([]byte, s.Size)
		binary.BigEndian.PutUint32(payloads[i], uint32(i))
	}
	return func(count int, latencies *[]float64) {
		c.ask(map[string]any{"do": "prepare", "mode": "count", "qos": s.QoS, "count": count})
		for i := range count {
			start := time.Now()
			fail(cl.publish(payloads[i%period], s.QoS))
			if latencies != nil && s.QoS > 0 {
				*latencies = append(*latencies, float64(time.Since(start).Nanoseconds())/1e6)
			}
		}
		c.ask(map[string]any{"do": "wait"})
	}
}

func receives(s settings, c *control, cl client) func(int, *[]float64) {
	count, next := 0, uint32(0)
	arrived := make(chan int, 1)
	expected := make(chan int, 1)
	current := 0
	onPayload := func(payload []byte) {
		if current == 0 {
			current = <-expected
		}
		if sequence := binary.BigEndian.Uint32(payload); sequence != next {
			fail(fmt.Errorf("message %d has the sequence number %d instead of %d", count, sequence, next))
		}
		next = (next + 1) % period
		if count++; count == current {
			count, next, current = 0, 0, 0
			arrived <- 1
		}
	}
	if s.Iterator {
		fail(cl.iterate(s.QoS, onPayload))
	} else {
		fail(cl.subscribe(s.QoS, onPayload))
	}
	return func(count int, _ *[]float64) {
		c.ask(map[string]any{"do": "prepare", "mode": "source", "qos": s.QoS, "size": s.Size, "count": count})
		expected <- count
		c.ask(map[string]any{"do": "go"})
		<-arrived
		c.ask(map[string]any{"do": "wait"})
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	fail(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e3
}

func percentile(sorted []float64, percent float64) float64 {
	return sorted[max(0, int(math.Ceil(percent*float64(len(sorted))/100-1e-9))-1)]
}

func run(open func(port int) client) {
	var s settings
	fail(json.Unmarshal([]byte(os.Args[1]), &s))
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Control))
	fail(err)
	c := &control{conn, bufio.NewReader(conn)}
	cl := open(s.Port)
	workload := publishes(s, c, cl)
	if s.Workload == "receive" {
		workload = receives(s, c, cl)
	}
	whole := func(count float64) int { return chunk * max(1, int(math.Ceil(count/chunk))) }
	timed := func(count int) float64 {
		start := time.Now()
		workload(count, nil)
		return float64(time.Since(start).Nanoseconds()) / 1e6
	}
	count := 4 * chunk
	took := timed(count)
	for end := time.Now().Add(time.Duration(s.WarmUp) * time.Millisecond); time.Now().Before(end); {
		count = min(count*4, whole(float64(count)/math.Max(took, 0.1)*s.WarmUp/2))
		took = timed(count)
	}
	count = min(2_000_000/chunk*chunk, whole(float64(count)/took*s.Duration))

	var latencies []float64
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	used, start := cpu(), time.Now()
	workload(count, &latencies)
	seconds := time.Since(start).Seconds()
	used = cpu() - used
	runtime.ReadMemStats(&after)
	result := map[string]any{
		"messages":          count,
		"messagesPerSecond": float64(count) / seconds,
		"cpuMicroseconds":   used / float64(count),
		"allocatedBytes":    float64(after.TotalAlloc-before.TotalAlloc) / float64(count),
	}
	if len(latencies) > 0 {
		sort.Float64s(latencies)
		result["p50"], result["p99"], result["p999"] = percentile(latencies, 50), percentile(latencies, 99), percentile(latencies, 99.9)
	}
	line, err := json.Marshal(result)
	fail(err)
	fmt.Println(string(line))
	os.Exit(0)
}
