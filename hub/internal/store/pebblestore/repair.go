package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// rebuiltDir is where a database is rebuilt, before it takes the place of the damaged
// one.
const rebuiltDir = "rebuilt"

// Repairs is what is damaged in a directory, and, once it is repaired, what that cost.
type Repairs struct {
	Damage []string // a line each; none if the store can be opened as it is
	Aside  []string // files and directories that are put aside, from the store's directory on
	Kept   uint64   // requests that were read
	Lost   string   // in words; "" if nothing is lost
}

// Inspect reads all of a directory and returns what is damaged. It changes nothing. It
// fails with store.ErrLocked if a process has the store open.
func Inspect(dir string, opts Options) (*Repairs, error) {
	r, err := newRepair(dir, opts)
	if err != nil {
		return nil, err
	}
	defer r.lock.Close()
	return &r.Repairs, r.inspect()
}

// Repair makes a directory usable again: it rebuilds a damaged database from what can be
// read of its files. The damaged one stays in a subdirectory.
func Repair(dir string, opts Options) (*Repairs, error) {
	r, err := newRepair(dir, opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.lock.Close() }() // it may be another by then
	if err := r.inspect(); err != nil || len(r.Damage) == 0 {
		return &r.Repairs, err
	}
	return &r.Repairs, r.repair()
}

type repair struct {
	Repairs
	*Store
	lock    io.Closer
	format  bool // whether FORMAT is damaged
	broken  bool // whether the database is damaged
	rebuilt bool // whether it is rebuilt already

	tables []liveTable // what is to be read
	listed bool        // whether the tables are those that the database lists
	holes  []keyRange  // keys that cannot be read
	state  state
	lost   []string // in words
}

func newRepair(dir string, opts Options) (*repair, error) {
	s := newStore(dir, opts)
	if _, err := s.fs.Stat(path.Join(dir, databaseDir)); err != nil {
		if _, journal := s.fs.Stat(path.Join(dir, journalDir)); journal != nil && !s.repairCutShort() {
			return nil, fmt.Errorf("this is not a directory with Kymo's data: %w", err)
		}
	}
	lock, err := s.fs.Lock(path.Join(dir, "LOCK"))
	if err != nil {
		return nil, lockError(err)
	}
	return &repair{Store: s, lock: lock}, nil
}

func (r *repair) foundf(format string, args ...any) {
	r.Damage = append(r.Damage, fmt.Sprintf(format, args...))
}

// inspect fills in what is damaged.
func (r *repair) inspect() error {
	b, err := readFile(r.fs, path.Join(r.dir, "FORMAT"))
	version, notNumber := strconv.Atoi(strings.TrimSpace(string(b)))
	switch {
	case err == nil && notNumber == nil && version > formatVersion:
		return fmt.Errorf("%w: its format is %d, this program's %d", store.ErrVersion, version, formatVersion)
	case err != nil || notNumber != nil || version < 1:
		r.format = true
		r.foundf("FORMAT does not hold a version")
	}
	if err := r.inspectDatabase(); err != nil {
		return err
	}
	if err := r.inspectDocuments(); err != nil {
		return err
	}
	return r.inspectJournal()
}

// inspectDatabase finds the tables, and what cannot be read of them.
func (r *repair) inspectDatabase() error {
	dir := path.Join(r.dir, databaseDir)
	names, err := r.fs.List(dir)
	slices.Sort(names)
	if r.repairCutShort() {
		r.rebuilt = true
		r.foundf("a repair was cut short")
		return nil
	}
	if err != nil { // which is damage, and no error of the repair
		r.broken = true
		r.foundf("%s/ is missing", databaseDir)
		return nil //nolint:nilerr // it is in the report
	}
	// A table that is listed and missing is one that cannot be read.
	r.tables, _, err = r.readList(true)
	if r.listed = err == nil; r.listed {
		if err := r.inspectTables(); err != nil {
			return err
		}
		if err = r.checkUnlisted(r.tables, r.state); err == nil {
			return nil
		}
	}
	r.listed, r.broken = false, true
	r.foundf("%s/: %s", databaseDir, firstLineOf(err))
	r.tables, r.holes = nil, nil
	for _, name := range names {
		if strings.HasSuffix(name, tableSuffix) {
			r.tables = append(r.tables, liveTable{file: name})
		}
	}
	return r.inspectTables()
}

func (r *repair) inspectTables() error {
	for _, t := range r.tables {
		if err := r.inspectTable(t); err != nil {
			return err
		}
	}
	return nil
}

// listTables returns the tables that the database lists. It fails if that cannot be all,
// and writes nothing. A list that was cut short is to Pebble one that a crash left: it
// would delete the tables that are not in it.
func (s *Store) listTables() (tables []liveTable, err error) {
	tables, st, err := s.readList(false)
	if err != nil {
		return nil, err
	}
	return tables, s.checkUnlisted(tables, st)
}

// readList returns the tables that the database lists, and its state. If tables may be
// missing, it does not read them, and returns no state.
func (s *Store) readList(missing bool) (tables []liveTable, st state, err error) {
	dir := path.Join(s.dir, databaseDir)
	if err := checkListed(s.fs, dir); err != nil {
		return nil, state{}, err
	}
	e := newEngine(s.fs)
	e.ends = s.ends
	opts := e.options()
	opts.ReadOnly, opts.DisableConsistencyCheck = true, missing
	if err := e.open(dir, opts); err != nil {
		return nil, state{}, err
	}
	tables, err = e.liveTables()
	if err == nil && !missing {
		st, err = e.state()
	}
	return tables, st, errors.Join(err, e.close())
}

// checkUnlisted returns an error if a table that is not listed has what is nowhere else:
// segments of the journal that are removed.
func (s *Store) checkUnlisted(tables []liveTable, st state) error {
	names, err := s.fs.List(path.Join(s.dir, databaseDir))
	if err != nil {
		return err
	}
	numbers, err := segments(s.fs, path.Join(s.dir, journalDir))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		listed := slices.ContainsFunc(tables, func(t liveTable) bool { return t.file == name })
		if listed || !strings.HasSuffix(name, tableSuffix) {
			continue
		}
		file, err := openTable(s.fs, path.Join(s.dir, databaseDir, name))
		if err != nil {
			continue // a crash left it
		}
		has := st.segment
		_, err = file.scan([]byte{prefixMeta}, []byte{prefixMeta + 1}, func(e entry) error {
			if other, err := decodeState(e.value); err == nil && bytes.Equal(e.key, keyState) {
				has = max(has, other.segment)
			}
			return nil
		})
		file.close()
		if err != nil {
			return err
		}
		for n := st.segment + 1; n <= has; n++ {
			if !slices.Contains(numbers, n) {
				return fmt.Errorf("open the database: its list of tables lacks %s", name)
			}
		}
	}
	return nil
}

// inspectTable reads all of a table.
func (r *repair) inspectTable(t liveTable) error {
	file, err := openTable(r.fs, path.Join(r.dir, databaseDir, t.file))
	if err != nil {
		r.broken = true
		r.foundf("%s/%s cannot be read: %s", databaseDir, t.file, firstLineOf(err))
		r.holes = append(r.holes, keyRange{t.first, t.end})
		return nil
	}
	defer file.close()
	holes, err := file.scan(t.first, t.end, func(e entry) error {
		if e.isValue() && bytes.Equal(e.key, keyState) {
			if st, err := decodeState(e.value); err == nil && st.segment >= r.state.segment {
				r.state = st
			}
		}
		return nil
	})
	for _, h := range holes {
		x := keyRange{t.first, t.end}
		if h.last != nil {
			x.lower = append(slices.Clone(h.last), 0)
		}
		if h.next != nil {
			x.upper = h.next
		}
		r.broken = true
		r.foundf("%s/%s cannot be read in part", databaseDir, t.file)
		r.holes = append(r.holes, x)
	}
	return err
}

// inspectJournal finds damage that opening the store sets aside by itself.
func (r *repair) inspectJournal() error {
	dir := path.Join(r.dir, journalDir)
	numbers, err := segments(r.fs, dir)
	if err != nil { // it is not there
		r.foundf("%s/ is missing", journalDir)
		return nil
	}
	if r.listed && !r.broken {
		for _, gap := range missingSegments(numbers, r.state.segment) {
			r.foundf("%s/: %s", journalDir, gap)
		}
	}
	end := int64(unlimited)
	for _, number := range slices.Backward(numbers) {
		b, err := readFile(r.fs, segmentName(dir, number))
		if err != nil {
			return err
		}
		if s := parseSegment(b, end); number > r.state.segment && (s.header || s.damaged > 0) {
			r.foundf("%s is damaged: %d bytes hold no record; %d batches can be read", path.Join(journalDir, path.Base(segmentName(dir, number))), s.damaged, len(s.records))
		}
		end = previousEnd(b)
	}
	return nil
}

// repair does what inspect found to be necessary. Whatever happens meanwhile, it can be
// done again.
func (r *repair) repair() error {
	if r.broken {
		if err := r.rebuild(); err != nil {
			return fmt.Errorf("rebuild the database: %w", err)
		}
	}
	if r.broken || r.rebuilt {
		if err := r.replace(); err != nil {
			return err
		}
	}
	if r.format {
		if err := writeFormat(r.fs, r.dir); err != nil {
			return err
		}
	}
	return r.reopen()
}

// repairCutShort reports whether a process ended between putting a damaged database
// aside and putting the rebuilt one in its place.
func (s *Store) repairCutShort() bool {
	_, old := s.fs.Stat(path.Join(s.dir, databaseDir))
	_, rebuilt := s.fs.Stat(path.Join(s.dir, rebuiltDir))
	return old != nil && rebuilt == nil
}

// replace puts the damaged database aside and the rebuilt one in its place.
func (r *repair) replace() error {
	old, rebuilt := path.Join(r.dir, databaseDir), path.Join(r.dir, rebuiltDir)
	if _, err := r.fs.Stat(old); err == nil {
		if err := r.fs.MkdirAll(path.Join(r.dir, asideDir), 0o755); err != nil {
			return err
		}
		aside := path.Join(asideDir, databaseDir+"-"+r.now().UTC().Format("20060102-150405"))
		if err := r.fs.Rename(old, path.Join(r.dir, aside)); err != nil {
			return err
		}
		r.Aside = append(r.Aside, aside)
	}
	return errors.Join(r.fs.Rename(rebuilt, old), syncDir(r.fs, r.dir))
}

// reopen opens the store once, which takes in the journal, and counts.
func (r *repair) reopen() error {
	if err := r.lock.Close(); err != nil {
		return err
	}
	r.lock = io.NopCloser(nil)
	s, err := Open(r.dir, Options{FS: r.fs, Now: r.now, Logger: r.logger, tuning: r.tuning})
	if err != nil {
		return err
	}
	lost := r.lost
	for _, d := range s.lostNow {
		lost = append(lost, d.describe())
	}
	if n := s.documents.lost; n > 0 {
		lost = append(lost, lostDocuments(n))
	}
	r.Repairs.Lost = strings.Join(lost, "; ")
	everything := rollup.Window{From: 0, To: r.now().UnixMilli() + 48*hourMillis}
	for sum, err := range s.Rollups(context.Background(), store.RollupQuery{Window: everything, Coarse: true}) {
		if err != nil {
			return errors.Join(err, s.Close())
		}
		r.Kept += sum.Durations.Count()
	}
	return s.Close()
}

func firstLineOf(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
