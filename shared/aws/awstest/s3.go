package awstest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's ETags are MD5 sums.
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// S3 is Amazon S3 as far as it concerns single objects in buckets that keep all versions. Paths name buckets and keys.
type S3 struct {
	Service
	now     func() time.Time
	buckets map[string]map[string][]objectVersion // by bucket and key, the newest version first
	written int
}

// objectVersion is one version of an object.
type objectVersion struct {
	id       string
	text     []byte
	modified time.Time
	metadata map[string]string
	deleted  bool
}

func (v objectVersion) etag() string {
	sum := md5.Sum(v.text) //nolint:gosec // S3's ETags are MD5 sums.
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func newS3(now func() time.Time) *S3 {
	s := &S3{now: now, buckets: make(map[string]map[string][]objectVersion)}
	s.scope, s.errorForm = "s3", "<Error><Code>%s</Code><Message>%s</Message></Error>"
	return s
}

func (s *S3) Create(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket] = make(map[string][]objectVersion)
}

// Put writes an object, whatever is there, and returns the version's id.
func (s *S3) Put(bucket, key string, text []byte) (version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(bucket, key, objectVersion{text: bytes.Clone(text)}).id
}

// Delete deletes an object; its versions stay.
func (s *S3) Delete(bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(bucket, key, objectVersion{deleted: true})
}

// Forget deletes one version for good, as a lifecycle rule does.
func (s *S3) Forget(bucket, key, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := s.buckets[bucket][key]
	s.buckets[bucket][key] = slices.DeleteFunc(versions, func(v objectVersion) bool { return v.id == version })
}

func (s *S3) put(bucket, key string, v objectVersion) objectVersion {
	s.written++
	v.id, v.modified = fmt.Sprintf("version-%06d", s.written), s.now().UTC()
	s.buckets[bucket][key] = append([]objectVersion{v}, s.buckets[bucket][key]...)
	return v
}

// call reads which operation a request calls.
func (s *S3) call(r *http.Request, body []byte) call {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	in := s3Request{bucket, key, query.Get("versionId"), body, r.Header}
	c, handle := call{name: r.Method}, s.get
	switch {
	case r.Method == http.MethodGet && query.Has("versions"):
		c.name, handle = "ListObjectVersions", s.list
	case r.Method == http.MethodGet:
		c.name = "GetObject"
	case r.Method == http.MethodPut:
		c.name, handle = "PutObject", s.write
	default:
		return c
	}
	c.handle = func(context.Context, []byte) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.buckets[bucket] == nil {
			return nil, &refusal{status: http.StatusNotFound, code: "NoSuchBucket"}
		}
		return handle(in)
	}
	return c
}

// s3Request is what an operation needs of a request.
type s3Request struct {
	bucket, key, version string
	body                 []byte
	header               http.Header
}

// httpAnswer is an answer that says more than its body.
type httpAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (s *S3) get(in s3Request) (any, error) {
	versions := s.buckets[in.bucket][in.key]
	if in.version != "" {
		versions = slices.DeleteFunc(slices.Clone(versions), func(v objectVersion) bool { return v.id != in.version })
	}
	if len(versions) == 0 && in.version != "" {
		return nil, &refusal{status: http.StatusNotFound, code: "NoSuchVersion"}
	}
	if len(versions) == 0 || versions[0].deleted {
		return nil, &refusal{status: http.StatusNotFound, code: "NoSuchKey"}
	}
	v := versions[0]
	header := http.Header{
		"Etag": {v.etag()}, "X-Amz-Version-Id": {v.id}, "Last-Modified": {v.modified.Format(http.TimeFormat)},
	}
	for name, value := range v.metadata {
		header.Set(name, value)
	}
	if in.header.Get("If-None-Match") == v.etag() {
		return httpAnswer{http.StatusNotModified, header, nil}, nil
	}
	header.Set("Content-Length", strconv.Itoa(len(v.text)))
	return httpAnswer{http.StatusOK, header, v.text}, nil
}

func (s *S3) write(in s3Request) (any, error) {
	versions := s.buckets[in.bucket][in.key]
	exists := len(versions) > 0 && !versions[0].deleted
	match, none := in.header.Get("If-Match"), in.header.Get("If-None-Match")
	if match != "" && (!exists || versions[0].etag() != match) || none == "*" && exists {
		return nil, &refusal{status: http.StatusPreconditionFailed, code: "PreconditionFailed"}
	}
	v := objectVersion{text: bytes.Clone(in.body), metadata: make(map[string]string)}
	for name := range in.header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			v.metadata[name] = in.header.Get(name)
		}
	}
	v = s.put(in.bucket, in.key, v)
	return httpAnswer{http.StatusOK, http.Header{"Etag": {v.etag()}, "X-Amz-Version-Id": {v.id}}, nil}, nil
}

// list lists all objects, whatever prefix was asked for.
func (s *S3) list(in s3Request) (any, error) {
	type version struct {
		Key, VersionId string //nolint:revive // S3's own name
		IsLatest       bool
		LastModified   string
		Size           int `xml:",omitempty"`
	}
	answer := struct {
		XMLName      xml.Name `xml:"ListVersionsResult"`
		Version      []version
		DeleteMarker []version
	}{}
	for _, key := range slices.Sorted(maps.Keys(s.buckets[in.bucket])) {
		for i, v := range s.buckets[in.bucket][key] {
			entry := version{key, v.id, i == 0, v.modified.Format("2006-01-02T15:04:05.000Z"), len(v.text)}
			if v.deleted {
				answer.DeleteMarker = append(answer.DeleteMarker, entry)
			} else {
				answer.Version = append(answer.Version, entry)
			}
		}
	}
	text, err := xml.Marshal(answer)
	return string(text), err
}
