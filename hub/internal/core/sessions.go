package core

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/kymohq/kymo/hub/internal/atomicfile"
)

// maxSessions is how many bytes of the file of ended sessions are read.
const maxSessions = 1 << 20

// sessionsFile keeps which sessions were ended, so that their cookies are refused after
// a restart, too. name is "" in a hub whose store is no directory.
type sessionsFile struct {
	name   string
	logger *slog.Logger
}

func (o *Options) sessionsFile() sessionsFile {
	f := sessionsFile{logger: o.Logger}
	if o.Directory != "" {
		f.name = filepath.Join(o.Directory, "ended-sessions")
	}
	return f
}

// read returns what was saved. A hub that cannot read it works without, and renames the
// file, which the next session that ends would replace.
func (s sessionsFile) read() string {
	if s.name == "" {
		return ""
	}
	f, err := os.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	var content []byte
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(f, maxSessions+1))
		err = errors.Join(err, f.Close())
	}
	if err == nil && len(content) > maxSessions {
		err = fmt.Errorf("%s has more than %d bytes", s.name, maxSessions)
	}
	if err != nil {
		aside := s.name + ".unread"
		s.logger.Warn("cannot read which sessions were ended; their cookies are valid again", "error", err, "renamed", aside)
		if err := os.Rename(s.name, aside); err != nil {
			s.logger.Warn("the file of ended sessions stays", "error", err)
		}
		return ""
	}
	return string(content)
}

// save saves a content, if there is a file.
func (s sessionsFile) save(content string) error {
	if s.name == "" {
		return nil
	}
	return atomicfile.Write(atomicfile.Disk(0o600), s.name, []byte(content))
}
