package main

import "slices"

// exception is a test that cannot pass with Kymo because it compares or counts
// all of a response's header, to which Kymo adds X-Response-Time.
type exception struct {
	suite  string
	places []string // of the middleware, where the test sees the header
	test
	reason string
}

var exceptions = []exception{}

// exceptionsOf returns the exceptions of a suite for a place of the middleware.
func exceptionsOf(suite, place string) []exception {
	var some []exception
	for _, e := range exceptions {
		if e.suite == suite && slices.Contains(e.places, place) {
			some = append(some, e)
		}
	}
	return some
}

// problem returns why the exception should not be one, or "", by how its test
// ends without Kymo, with it, and with nothing but its header.
func (e exception) problem(plain, kymo, header outcome) string {
	switch {
	case plain != "pass":
		return "without Kymo it is " + plain.String() + ", not pass"
	case kymo == "pass":
		return "it passes with Kymo and must no longer be listed"
	case header != kymo:
		return "with Kymo it is " + kymo.String() + ", but with the header alone " + header.String()
	}
	return ""
}
