// Package settings answers which integration file is in force: the one built into the program, or the object in a
// bucket that replaces it without a deployment.
//
// It promises that a faulty object never takes effect: the newest version that is good counts, in a process that has
// just started as in one that runs; and that a process which has settings goes on with them when the bucket is out of
// reach. It never asks the bucket by itself: its user decides when, beside its work.
//
// A function reads its environment with [ReadIntegrations] or [ReadApps] and makes a [Store] of that. Before a batch
// it calls [Store.Require] and [Store.Begin]; a function that answers requests asks [Apps].
package settings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Key is the object's name in the bucket.
const Key = "integrations.yaml"

// BuiltIn names the file that is built into the program in logs.
const BuiltIn = "built-in"

// MaxBytes is the size of a file that is read. A file that names every event and property of the catalogue for a dozen
// apps has a tenth of it.
const MaxBytes = 1 << 20

// MaxVersions bounds how many older versions are tried for one that is good.
const MaxVersions = 50

// Errors of a [Bucket].
var (
	// ErrNotModified says that the object still has the ETag that the caller has seen.
	ErrNotModified = errors.New("object is the same")
	// ErrNoObject says that the bucket is there and the object is not.
	ErrNoObject = errors.New("no object")
	// ErrTooLarge says that the object has more than MaxBytes.
	ErrTooLarge = fmt.Errorf("larger than %d KiB", MaxBytes>>10)
)

// Object is one version of the settings.
type Object struct {
	Text    []byte
	ETag    string
	Version string
}

// Bucket stores the object with all its versions. Errors other than those of this package mean that it is out of
// reach.
type Bucket interface {
	// Get returns the newest version, [ErrNotModified] if it has that ETag, [ErrNoObject], or [ErrTooLarge] with an
	// object that has an ETag and no text.
	Get(ctx context.Context, etag string) (Object, error)
	// Versions returns the ids of the object's versions, the newest first; deletions are not among them.
	Versions(ctx context.Context) ([]string, error)
	// GetVersion returns one version; [ErrTooLarge] as Get does.
	GetVersion(ctx context.Context, id string) (Object, error)
}

// InForce is what counts now.
type InForce[T any] struct {
	Value T
	Name  string // BuiltIn, or the first twelve hex digits of the content's SHA-256
}

// Rejected is a version that does not take effect.
type Rejected struct {
	Version string
	Err     error  // from the parser: every problem
	InForce string // the name of what counts instead, empty if nobody knows
	Known   bool   // the same version was rejected at the last refresh too
}

// Store keeps the settings in force. T is what a process needs of a file. Its methods may be called from any
// goroutine.
type Store[T any] struct {
	bucket   Bucket // nil: the built-in file always counts
	parse    func(text []byte) (T, error)
	builtIn  T
	interval time.Duration
	report   Reporter

	mu        sync.Mutex
	current   InForce[T]
	newest    Object    // that was seen, good or not, without its text; the zero Object: there is none
	bad       *Rejected // the newest version, if it is faulty
	refreshed time.Time // when the last refresh that succeeded began; zero: never
	tried     time.Time // when the last refresh began
	err       error     // of the last refresh
	running   *refresh
}

// refresh is one question to the bucket under way.
type refresh struct {
	done chan struct{}
	err  error
}

// New makes a Store. With a nil bucket the built-in value is in force from the start.
func New[T any](
	bucket Bucket, builtIn T, parse func(text []byte) (T, error), interval time.Duration, report Reporter,
) *Store[T] {
	return &Store[T]{
		bucket: bucket, builtIn: builtIn, parse: parse, interval: interval, report: report,
		current: InForce[T]{builtIn, BuiltIn},
	}
}

// Fixed makes a Store in which a value is always in force.
func Fixed[T any](value T) *Store[T] { return New[T](nil, value, nil, 0, nil) }

// Require returns what is in force. It waits only while the process has never seen the bucket, and then returns an
// error if the bucket is out of reach: nobody knows whether the built-in file still counts.
func (s *Store[T]) Require(ctx context.Context) (InForce[T], error) {
	if current, ready := s.Current(); ready {
		return current, nil
	}
	err := s.Refresh(ctx)
	current, ready := s.Current()
	if ready {
		return current, nil
	}
	return InForce[T]{}, err
}

// Current returns what is in force as far as this process knows. It never waits. ready is false while the process has
// never seen the bucket: then nobody knows whether the built-in file still counts.
func (s *Store[T]) Current() (settings InForce[T], ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.bucket == nil || !s.refreshed.IsZero()
}

// inForce returns the name of what is in force, empty if nobody knows.
func (s *Store[T]) inForce() string {
	current, ready := s.Current()
	if !ready {
		return ""
	}
	return current.Name
}

// due reports whether it is time to ask again; s.mu is held. It uses the wall clock: the monotonic one stands still
// while Lambda freezes the process.
func (s *Store[T]) due() bool {
	age := time.Now().Round(0).Sub(s.tried)
	return s.bucket != nil && (s.tried.IsZero() || age >= s.interval || age < 0)
}

// Refresh asks the bucket and waits for the result, or joins a refresh that is under way. It returns an error if the
// bucket is out of reach; what was in force stays in force.
func (s *Store[T]) Refresh(ctx context.Context) error { return s.begin(ctx).wait(ctx) }

// RefreshIfDue does the same unless the last refresh began within the interval: then it returns that one's result. So
// however many callers ask, the bucket is asked once in an interval.
func (s *Store[T]) RefreshIfDue(ctx context.Context) error {
	s.mu.Lock()
	if s.running == nil && !s.due() {
		defer s.mu.Unlock()
		return s.err
	}
	s.mu.Unlock()
	return s.Refresh(ctx)
}

const (
	// longestWait is how long a batch waits at its end for a look at the settings: a frozen process finishes nothing.
	longestWait = 2 * time.Second
	// answerTime is what is left of an invocation then, for its answer.
	answerTime = 500 * time.Millisecond
)

// Begin starts a refresh beside the caller's work if one is due. The returned function waits for it, two seconds at
// most and not until the caller's own deadline, and then gives it up. It returns at once if nothing was due.
func (s *Store[T]) Begin(ctx context.Context) (wait func()) {
	s.mu.Lock()
	due := s.due()
	s.mu.Unlock()
	if !due {
		return func() {}
	}
	deadline, hasDeadline := ctx.Deadline()
	ctx, cancel := context.WithCancel(ctx)
	r := s.begin(ctx)
	return func() {
		defer cancel()
		most := longestWait
		if hasDeadline {
			most = min(most, time.Until(deadline)-answerTime)
		}
		select {
		case <-r.done:
		case <-time.After(most):
		}
	}
}

func (r *refresh) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("settings: %w", ctx.Err())
	}
}

func (s *Store[T]) begin(ctx context.Context) *refresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	r := &refresh{done: make(chan struct{})}
	s.running, s.tried = r, time.Now().Round(0)
	newest, faulty := s.newest, s.bad != nil
	go func() {
		defer close(r.done)
		r.err = s.update(ctx, newest, faulty)
	}()
	return r
}

// update asks the bucket once, enters what it answers and reports it.
func (s *Store[T]) update(ctx context.Context, newest Object, faulty bool) (err error) {
	var found finding[T]
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panicked(fault.Retry, p)
		}
		rejected := s.enter(found, err)
		if rejected != nil {
			s.report.Rejected(ctx, *rejected)
		}
		if err != nil {
			s.report.OutOfReach(ctx, err, s.inForce())
		}
	}()
	found, err = s.find(ctx, newest, faulty)
	return err
}

// finding is what a refresh has found.
type finding[T any] struct {
	same    bool // the newest version is the one that was seen before
	newest  Object
	current InForce[T]
	bad     *Rejected
}

// enter makes a finding count and returns the faulty version to report, nil if there is none.
func (s *Store[T]) enter(f finding[T], err error) *Rejected {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.err = nil, err
	switch {
	case err != nil:
		if f.bad != nil && !s.refreshed.IsZero() {
			f.bad.InForce = s.current.Name
		}
		return f.bad
	case f.same:
		s.refreshed = s.tried
		if s.bad != nil {
			s.bad.Known = true
		}
	default:
		s.refreshed, s.newest, s.current, s.bad = s.tried, f.newest, f.current, f.bad
	}
	if s.bad == nil {
		return nil
	}
	r := *s.bad
	return &r
}

// find asks the bucket for the newest version that is good. A faulty one that was seen before is told by its id:
// between two versions with the same text there may have been a good one.
func (s *Store[T]) find(ctx context.Context, newest Object, faulty bool) (finding[T], error) {
	etag := newest.ETag
	if faulty {
		etag = ""
	}
	object, err := s.bucket.Get(ctx, etag)
	switch {
	case errors.Is(err, ErrNotModified):
		return finding[T]{same: true}, nil
	case errors.Is(err, ErrNoObject):
		return finding[T]{current: InForce[T]{s.builtIn, BuiltIn}}, nil
	case err != nil && !errors.Is(err, ErrTooLarge):
		return finding[T]{}, err
	case faulty && object.Version == newest.Version && object.ETag == newest.ETag:
		return finding[T]{same: true}, nil
	}
	value, wrong := s.read(object, err)
	seen := Object{ETag: object.ETag, Version: object.Version}
	if wrong == nil {
		return finding[T]{newest: seen, current: InForce[T]{value, Name(object.Text)}}, nil
	}
	good, err := s.newestGood(ctx, object.Version)
	bad := &Rejected{Version: object.Version, Err: wrong, InForce: good.Name}
	return finding[T]{newest: seen, current: good, bad: bad}, err
}

// newestGood returns the newest version that is good, other than the one that is known to be faulty; the built-in
// value if there is none.
func (s *Store[T]) newestGood(ctx context.Context, faulty string) (InForce[T], error) {
	versions, err := s.bucket.Versions(ctx)
	if err != nil {
		return InForce[T]{}, err
	}
	for _, id := range versions[:min(len(versions), MaxVersions)] {
		if id == faulty {
			continue
		}
		object, err := s.bucket.GetVersion(ctx, id)
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNoObject) {
			return InForce[T]{}, err
		}
		if value, wrong := s.read(object, err); wrong == nil {
			return InForce[T]{value, Name(object.Text)}, nil
		}
	}
	return InForce[T]{s.builtIn, BuiltIn}, nil
}

// read parses a version, unless fetching it has failed already. A panic of the parser is a fault of the version.
func (s *Store[T]) read(object Object, fetchErr error) (value T, err error) {
	if fetchErr != nil {
		return value, fetchErr
	}
	defer fault.Recover(&err)
	return s.parse(object.Text)
}

// Name is how a file is called in logs: the first twelve hex digits of its SHA-256.
func Name(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:12]
}
