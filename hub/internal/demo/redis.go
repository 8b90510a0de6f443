package demo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// newRedis returns a stand-in for a Redis that speaks RESP2, keeps what is set
// until it stops, and knows no more than the shop and the hub's check need.
func newRedis() *standIn {
	kept := new(redisKeys)
	var s *standIn
	s = newStandIn(func(conn net.Conn, wait func()) {
		in := bufio.NewReader(conn)
		for {
			command, err := readCommand(in)
			if err != nil {
				return
			}
			wait()
			if _, err := io.WriteString(conn, kept.answer(command, s.open())); err != nil {
				return
			}
		}
	})
	s.forget = kept.forget
	return s
}

// redisKeys is what a stand-in keeps.
type redisKeys struct {
	mu   sync.Mutex
	keys map[string]string
}

func (k *redisKeys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = nil
}

// answer is the answer to a command, as it goes over the wire.
func (k *redisKeys) answer(command []string, clients int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	const ok = "+OK\r\n"
	name, args := strings.ToUpper(command[0]), command[1:]
	switch {
	case name == "PING" && len(args) == 0:
		return "+PONG\r\n"
	case name == "CLIENT", name == "SELECT":
		return ok
	case name == "SET" && len(args) >= 2:
		if k.keys == nil {
			k.keys = make(map[string]string)
		}
		k.keys[args[0]] = args[1]
		return ok
	case name == "GET" && len(args) == 1:
		value, there := k.keys[args[0]]
		if !there {
			return "$-1\r\n"
		}
		return bulk(value)
	case name == "INFO":
		return bulk(fmt.Sprintf("# Server\r\nredis_version:7.2.0\r\n# Clients\r\nconnected_clients:%d\r\nmaxclients:10000\r\n"+
			"# Memory\r\nused_memory:1048576\r\nmaxmemory:0\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n", clients))
	}
	return "-ERR unknown command\r\n" // HELLO too: clients that speak RESP3 fall back
}

func bulk(s string) string { return "$" + strconv.Itoa(len(s)) + "\r\n" + s + "\r\n" }

var errNotRESP = errors.New("this is no command in RESP")

// Limits of a command: only this process speaks to the stand-in.
const (
	maxWords = 64
	maxWord  = 1 << 20
)

// readCommand reads an array of bulk strings, of which there is at least one.
func readCommand(in *bufio.Reader) ([]string, error) {
	n, err := readLength(in, '*', maxWords)
	if err == nil && n == 0 {
		err = errNotRESP
	}
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		size, err := readLength(in, '$', maxWord)
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

// readLength reads a line that is a mark and a number.
func readLength(in *bufio.Reader, mark byte, limit int) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(line))
	if text == "" || text[0] != mark {
		return 0, errNotRESP
	}
	n, err := strconv.Atoi(text[1:])
	if err != nil || n < 0 || n > limit {
		return 0, errNotRESP
	}
	return n, nil
}
