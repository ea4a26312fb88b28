package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

var errUTF16 = errors.New("it is UTF-16, not UTF-8: save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8")

// NewTextReader returns a reader of a text file as editors and shells write it. It leaves out a byte order mark, and
// returns an error for UTF-16, which Windows PowerShell writes. Line ends stay as they are.
func NewTextReader(in io.Reader) io.Reader {
	r := bufio.NewReader(in)
	begin, _ := r.Peek(3) // an error comes back with the first byte that is missing
	switch {
	case string(begin) == "\ufeff":
		_, _ = r.Discard(len(begin)) // they are there
	case integration.IsUTF16(begin):
		return errorReader{errUTF16}
	}
	return r
}

// errorReader only returns an error.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// OpenText opens a text file, standard input if the path is "-" or empty, as [NewTextReader] reads it.
func OpenText(cmd *cobra.Command, path string) (io.ReadCloser, error) {
	if path == "" || path == "-" {
		return io.NopCloser(NewTextReader(cmd.InOrStdin())), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{NewTextReader(file), file}, nil
}

// ReadText reads all of what [OpenText] opens.
func ReadText(cmd *cobra.Command, path string) ([]byte, error) {
	in, err := OpenText(cmd, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // it was only read
	return io.ReadAll(in)
}

// ReadWebhooks reads the webhooks in a file or on standard input.
func ReadWebhooks(cmd *cobra.Command, path string) ([][]byte, error) {
	text, err := ReadText(cmd, path)
	if err != nil {
		return nil, Usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	bodies := stored.Split(text)
	if len(bodies) == 0 {
		return nil, Usagef("'bridge sample SUBSCRIPTION_RENEWED' prints a webhook to try", "webhooks: the input is empty")
	}
	if slices.ContainsFunc(bodies, func(body []byte) bool { return len(body) > message.MaxBody }) {
		return nil, Usagef("webhooks have a few kilobytes",
			"webhooks: one is longer than %d bytes, which no message takes", message.MaxBody)
	}
	object := func(body []byte) bool { return body[0] == '{' }
	if len(bodies) > 1 && !slices.ContainsFunc(bodies, object) {
		return nil, Usagef("give one webhook, or JSON lines", "webhooks: there is no JSON object in the input")
	}
	return bodies, nil
}
