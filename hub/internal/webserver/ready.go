package webserver

import (
	"errors"
	"fmt"
	"os"

	"github.com/kymohq/kymo/hub/internal/atomicfile"
)

// WriteReady writes the URL to a file. The file appears with its whole content, so
// that a program that waits for it never reads half a URL.
func WriteReady(file, url string) error {
	if err := atomicfile.Write(atomicfile.Disk(0o644), file, []byte(url+"\n")); err != nil {
		return readyError(file, err)
	}
	return nil
}

// readyError names the file that was asked for, not the temporary one.
func readyError(file string, err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("cannot write %s: %w", file, err)
}
