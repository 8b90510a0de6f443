// Command kymo is the hub and the tools around it.
//
// main collects what a process has (arguments, streams, environment, signals)
// and gives it to run, which tests call as well. From there:
//
//  1. run.go parses the command line into one struct per command and turns
//     whatever a command returns into one line and an exit status.
//  2. serve reads its configuration (package settings), opens the hub over the
//     store that it names (hub.go), serves it (package webserver), and reads the
//     configuration again while it runs (package reload).
//  3. report, endpoints and health ask a hub (package client) and print its
//     answers (packages text and term); health --watch goes on (package
//     healthwatch).
//  4. check runs the checks of the same file once (package checkup); config check
//     only validates it.
//  5. import has files sent (package fileimport), each of which is read twice: to
//     identify it, and to send it.
//  6. copy opens two stores by name and copies one to the other (package
//     storecopy).
//  7. snapshot asks a hub for the files of its store and makes a directory of them
//     (package snapshot).
//  8. repair and its inspection are of a directory that no hub has open (package
//     engines).
//  9. retention asks a hub, or a store that no hub has open, and lowers its floor.
//  10. demo opens a hub, as serve does, and gives its URL to package demo.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// A hub's memory is batches that live for a moment. Collecting them twice as
	// often costs little, and an ingesting hub takes a fifth less memory for it.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one kills: a stop that hangs must not
	// need more than another Ctrl-C.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
