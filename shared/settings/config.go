package settings

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// Config is what a function's environment says about its settings.
type Config[T any] struct {
	Bucket  string        // empty: the built-in file always counts
	Refresh time.Duration // how old what is known of the bucket may be
	BuiltIn T

	parse func(name string, text []byte) (T, error)
}

const (
	defaultRefresh = time.Minute
	maxRefresh     = 24 * time.Hour
)

// validBucket knows the form of a bucket's name (Amazon S3, Bucket naming rules, November 2026). Capitals are not
// allowed any more, but sam local gives a function the template's own name of the bucket, SettingsBucket, and it
// should start. A regular expression would be compiled at every start of a function.
func validBucket(name string) bool {
	const has = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"
	return len(name) >= 3 && len(name) <= 63 && strings.Trim(name, has) == "" && strings.Trim(name, ".-") == name
}

// ReadIntegrations reads SETTINGS_BUCKET, SETTINGS_REFRESH and INTEGRATIONS_FILE for a function that needs the whole
// file. r keeps the faults, those in the file among them.
func ReadIntegrations(r *env.Reader) Config[*integration.File] {
	return readConfig(r, func(name string, text []byte) (*integration.File, error) {
		file, problems := integration.Load(name, text)
		if file == nil {
			return nil, problems
		}
		return file, nil
	})
}

// ReadApps reads the same variables for a function that needs only the apps' names, from any file that gives some: a
// typo in the rest of it must not stop purchases.
func ReadApps(r *env.Reader) Config[AppNames] {
	return readConfig(r, func(name string, text []byte) (AppNames, error) {
		names, err := integration.AppNames(name, text)
		if err != nil {
			return nil, err
		}
		apps := make(AppNames, len(names))
		for _, app := range names {
			apps[app] = true
		}
		return apps, nil
	})
}

func readConfig[T any](r *env.Reader, parse func(name string, text []byte) (T, error)) Config[T] {
	const file, bucket = "INTEGRATIONS_FILE", "SETTINGS_BUCKET"
	c := Config[T]{
		Bucket:  r.Optional(bucket, ""),
		Refresh: r.Duration("SETTINGS_REFRESH", defaultRefresh, time.Millisecond, maxRefresh),
		parse:   parse,
	}
	if c.Bucket != "" && !validBucket(c.Bucket) {
		r.Fault(bucket, "not the name of a bucket, which has 3 to 63 letters, digits, dots and hyphens")
	}
	name, text := Key, config.Integrations
	if path := r.Optional(file, ""); path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil { //nolint:gosec // the operator names the file
			if inner, ok := errors.AsType[*fs.PathError](err); ok {
				err = inner.Err
			}
			r.Fault(file, "cannot be read: "+err.Error())
			return c
		}
		name = path
	}
	var err error
	if c.BuiltIn, err = parse(name, text); err != nil {
		r.Fault(file, err.Error())
	}
	return c
}

// NewStore makes the Store of a function. The bucket is the one that the configuration names, nil if it names none.
// What people must know is logged, and counted in metrics, a writer that takes lines from several goroutines.
func (c Config[T]) NewStore(bucket Bucket, log *slog.Logger, metrics io.Writer) *Store[T] {
	parse := func(text []byte) (T, error) { return c.parse(Key, text) }
	return New(bucket, c.BuiltIn, parse, c.Refresh, reporter{log, metrics})
}

// AppNames are the names of the apps that a file has.
type AppNames map[string]bool

// Apps says which apps there are, to a function that answers requests.
type Apps struct{ Store *Store[AppNames] }

// lookTime is how long a request waits for the bucket; the rest of its time is for everything else.
const lookTime = 2 * time.Second

// Has reports whether there is an app of a name; its error is marked [fault.Unavailable] and means that nobody knows.
// An app of the built-in file is there without a look at the bucket. For others the bucket is asked, once in the
// Store's interval for all of them together.
func (a Apps) Has(ctx context.Context, app string) (bool, error) {
	if a.Store.builtIn[app] {
		return true, nil
	}
	if !integration.ValidName(app) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	err := a.Store.RefreshIfDue(ctx)
	current, _ := a.Store.Current()
	switch {
	case current.Value[app]:
		return true, nil
	case err != nil:
		return false, fault.New(fault.Of(err).Kind, fault.Unavailable, err)
	default:
		return false, nil
	}
}
