package clevertap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

const deletePath = "/1/delete/profiles.json"

// ProfileKey is what a profile is named by when it is deleted.
type ProfileKey string

// The keys of CleverTap's deletion (developer.clevertap.com, Delete User Profile API, November 2026).
const (
	ProfileIdentity    ProfileKey = "identity"
	ProfileCleverTapID ProfileKey = "guid"
)

var errNotDeleted = errors.New("delete: CleverTap refuses it")

// DeleteProfile deletes a profile, by one request. A profile that is not there counts as deleted. CleverTap takes
// three such requests of an account at a time, whoever makes them, and a deleted profile comes back with the next
// upload: stop that before. The error is a [fault.Fault] and quotes nothing.
func (u *Uploader) DeleteProfile(ctx context.Context, a Account, key ProfileKey, id string) error {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	body, err := json.Marshal(map[ProfileKey]string{key: id})
	if err != nil { // an id that is not UTF-8
		return fault.New(fault.Reject, fault.Malformed, errNotDeleted)
	}
	response, err := u.client.post(ctx, a, deletePath, body)
	if err != nil {
		return networkFault(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if r := classifyStatus(response.StatusCode); r.verdict != answered {
		return &fault.Fault{
			Kind: r.fault.Kind, Reason: r.fault.Reason, Code: r.fault.Code,
			Err: fmt.Errorf("delete: status %d", response.StatusCode),
		}
	}
	return readDeleted(response)
}

// readDeleted reads an answer of success. Its form is not known (November 2026): only a status that says otherwise
// counts.
func readDeleted(response *http.Response) error {
	var answer struct {
		Status scalar `json:"status"`
	}
	text, err := decompress(io.LimitReader(response.Body, maxDrain))
	if err == nil {
		err = json.UnmarshalRead(text, &answer, lenient)
	}
	if err == nil && strings.EqualFold(strings.TrimSpace(answer.Status.text), "fail") {
		return fault.New(fault.Retry, fault.Server, errNotDeleted)
	}
	return nil
}
