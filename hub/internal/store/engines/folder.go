package engines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// folder is the embedded store, the default: its name is a path.
var folder = engine{
	check: func(string) error { return nil },
	open: func(name string, _ Options) (store.Store, error) {
		return pebblestore.Open(name, pebblestore.Options{})
	},
	show:     func(name string) string { return name },
	location: folderLocation,
	other:    "name another folder with --store",
}

// folderLocation is the absolute path, without symbolic links if the folder exists.
func folderLocation(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		path = name
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return path
}

// CheckExists returns an error if a name is that of a folder that holds no store:
// Open would create one there. Whether a server has one is known only once it is open.
func CheckExists(name string) error {
	if Remote(name) {
		return nil
	}
	_, err := os.Stat(filepath.Join(name, "FORMAT"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not a folder with Kymo's data; name the one that --store named", name)
	}
	return err
}
