package main

import (
	"fmt"
	"net/url"
	"strconv"
)

// wholeNumber reads the value of a flag.
func wholeNumber(flag, text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s: must be a whole number from %d to %d", flag, low, high)
	}
	return n, nil
}

// setNumber puts the value of a flag into a query under the flag's name, unless it
// is empty.
func setNumber(query url.Values, name, text string, low, high int) error {
	if text == "" {
		return nil
	}
	query.Set(name, text)
	_, err := wholeNumber("--"+name, text, low, high)
	return err
}
