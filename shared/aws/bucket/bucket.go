// Package bucket keeps the settings in an S3 bucket that remembers all versions.
//
// It does not interpret them. It is a package of its own because programs without settings must not carry S3's client.
package bucket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// ErrConflict says that somebody else has written the object since it was read.
var ErrConflict = errors.New("object was written by somebody else")

// Bucket implements [settings.Bucket]. Its errors are those of package settings, [ErrConflict], and marked faults.
type Bucket struct {
	client *s3.Client
	name   string
}

var _ settings.Bucket = (*Bucket)(nil)

// New makes no connection yet. One try of a call may take as long as timeout; 0 sets no limit.
func New(config sdk.Config, name string, timeout time.Duration) *Bucket {
	client := s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil // an emulator's buckets have no hosts of their own
		o.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = sdk.ResponseChecksumValidationWhenRequired
		o.EndpointResolverV2 = aws.NewResolver(s3.NewDefaultEndpointResolverV2())
		switch client := o.HTTPClient.(type) {
		case *awshttp.BuildableClient:
			o.HTTPClient = client.WithTimeout(timeout)
		case *aws.SmallCalls: // which would read an object to its end, however large
			o.HTTPClient = client.Streaming(timeout)
		}
	})
	return &Bucket{client, name}
}

// callTimeout limits one try of a function's call. S3 answers in some ten milliseconds as a rule.
const callTimeout = 1500 * time.Millisecond

// NewStore makes the Store of a function, over the bucket that its environment names, if it names one.
func NewStore[T any](
	config sdk.Config, c settings.Config[T], log *slog.Logger, metrics io.Writer,
) *settings.Store[T] {
	if c.Bucket == "" {
		return c.NewStore(nil, log, metrics)
	}
	return c.NewStore(New(config, c.Bucket, callTimeout), log, metrics)
}

// Get implements [settings.Bucket].
func (b *Bucket) Get(ctx context.Context, etag string) (settings.Object, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: new(settings.Key)}
	if etag != "" {
		in.IfNoneMatch = &etag
	}
	object, _, err := b.get(ctx, in)
	return object, err
}

// GetVersion implements [settings.Bucket].
func (b *Bucket) GetVersion(ctx context.Context, id string) (settings.Object, error) {
	object, _, err := b.Read(ctx, id)
	return object, err
}

// Read returns one version and who wrote it.
func (b *Bucket) Read(ctx context.Context, id string) (settings.Object, Note, error) {
	return b.get(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: new(settings.Key), VersionId: &id})
}

func (b *Bucket) get(ctx context.Context, in *s3.GetObjectInput) (settings.Object, Note, error) {
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return settings.Object{}, Note{}, failure(err)
	}
	defer func() { _ = out.Body.Close() }() // it was only read
	object := settings.Object{ETag: sdk.ToString(out.ETag), Version: sdk.ToString(out.VersionId)}
	text, err := io.ReadAll(io.LimitReader(out.Body, settings.MaxBytes+1))
	switch {
	case err != nil:
		return settings.Object{}, Note{}, failure(err)
	case len(text) > settings.MaxBytes:
		return object, noteFrom(out.Metadata), settings.ErrTooLarge
	}
	object.Text = text
	return object, noteFrom(out.Metadata), nil
}

type Version struct {
	ID      string
	Time    time.Time
	Bytes   int64
	Latest  bool
	Deleted bool // the object was deleted then
}

// Versions implements [settings.Bucket].
func (b *Bucket) Versions(ctx context.Context) ([]string, error) {
	var ids []string
	all, err := b.History(ctx)
	for _, v := range all {
		if !v.Deleted {
			ids = append(ids, v.ID)
		}
	}
	return ids, err
}

// History returns the object's versions, the newest first, as many as one answer of S3 holds: a thousand.
func (b *Bucket) History(ctx context.Context) ([]Version, error) {
	out, err := b.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: new(settings.Key)})
	if err != nil {
		return nil, failure(err)
	}
	var all []Version
	for _, v := range out.Versions {
		if sdk.ToString(v.Key) == settings.Key {
			all = append(all, Version{
				sdk.ToString(v.VersionId), sdk.ToTime(v.LastModified), sdk.ToInt64(v.Size), sdk.ToBool(v.IsLatest), false,
			})
		}
	}
	for _, m := range out.DeleteMarkers { // S3 lists them apart
		if sdk.ToString(m.Key) == settings.Key {
			all = append(all, Version{sdk.ToString(m.VersionId), sdk.ToTime(m.LastModified), 0, sdk.ToBool(m.IsLatest), true})
		}
	}
	slices.SortStableFunc(all, func(a, b Version) int {
		if a.Latest != b.Latest {
			return map[bool]int{true: -1, false: 1}[a.Latest]
		}
		return b.Time.Compare(a.Time)
	})
	return all, nil
}

// Note says who wrote a version, and why.
type Note struct {
	Author  string
	Message string
}

// Metadata travels in headers, so its values are escaped as in a URL.
const (
	authorKey  = "author"
	messageKey = "message"
)

func noteFrom(metadata map[string]string) Note {
	read := func(key string) string { // the SDK writes names in lower case
		if text, err := url.QueryUnescape(metadata[key]); err == nil {
			return text
		}
		return metadata[key]
	}
	return Note{read(authorKey), read(messageKey)}
}

func (n Note) metadata() map[string]string {
	return map[string]string{authorKey: url.QueryEscape(n.Author), messageKey: url.QueryEscape(n.Message)}
}

// Put writes the object if its newest version still has this ETag; empty: if there is none. Else it returns
// [ErrConflict].
func (b *Bucket) Put(ctx context.Context, text []byte, etag string, note Note) (settings.Object, error) {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: new(settings.Key), Body: strings.NewReader(string(text)), ContentType: new("application/yaml"),
		Metadata: note.metadata(),
	}
	if etag == "" {
		in.IfNoneMatch = new("*")
	} else {
		in.IfMatch = &etag
	}
	out, err := b.client.PutObject(ctx, in)
	if err != nil {
		return settings.Object{}, failure(err)
	}
	return settings.Object{Text: text, ETag: sdk.ToString(out.ETag), Version: sdk.ToString(out.VersionId)}, nil
}

// failure names what S3 answers. A missing object is told from a missing bucket by its code.
func failure(err error) error {
	status := 0
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	switch status {
	case http.StatusNotModified:
		return settings.ErrNotModified
	case http.StatusPreconditionFailed, http.StatusConflict:
		return ErrConflict
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if ok && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NoSuchVersion") {
		return settings.ErrNoObject // of a version: it has expired since it was listed
	}
	f := aws.Fault(fault.Unavailable, err)
	if f.Code == "" && status > 0 {
		f.Code = strconv.Itoa(status)
	}
	return f
}
