// Package wire is the vocabulary that the SDK and the hub share: a request, a
// batch of requests, and the batch's byte format.
//
// A service's encoder adds Requests to a Builder, which keeps them as columns
// with dictionaries for what repeats (builder.go), and takes a Batch from it
// (batch.go). The batch is identified by the instance that made it and its
// sequence number there; a store counts each identity once. It
// travels in the byte format specified in format.go and is checked on arrival:
// a decoded batch is within every limit of limits.go.
package wire
