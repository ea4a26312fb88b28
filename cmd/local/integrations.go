package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// The integration file that is yours, and the one of the fixtures, which counts here: whatever the first says, the
// fixtures come to what is written beside them.
const (
	ownFile      = "shared/config/integrations.yaml"
	fixturesFile = "events/integrations.yaml"
)

// useFixturesFile lets SAM build the fixtures' file into the functions, and bridge find it. It returns the variable
// that does the first. If there is a back end, it is the last app's, which is the demo app.
func useFixturesFile(b *backEnd) (goflags string, err error) {
	const root = "../../" // SAM builds in a function's folder
	usedFile, overlayFile := filepath.Join(shellFolder, "integrations.yaml"), filepath.Join(runFolder, "overlay.json")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {root + ownFile: root + usedFile}})
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(fixturesFile)
	if err != nil {
		return "", err
	}
	if b != nil {
		text = append(text, "    relay: {url: \""+b.url+"\"}\n"...)
	}
	if err := os.MkdirAll(shellFolder, 0o750); err != nil {
		return "", err
	}
	for path, content := range map[string][]byte{
		overlayFile: overlay, usedFile: text,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return "", err
		}
	}
	return "GOFLAGS=" + os.Getenv("GOFLAGS") + " -overlay=" + root + overlayFile, nil
}

// ownFileDiffers reports whether your file says something else than the fixtures' does.
func ownFileDiffers() (bool, error) {
	own, err := os.ReadFile(ownFile)
	if err != nil {
		return false, err
	}
	fixtures, err := os.ReadFile(fixturesFile)
	return withoutComments(string(own)) != withoutComments(string(fixtures)), err
}

var comments, emptyLines = regexp.MustCompile(`(?m)([ \t\r]+#.*|^#.*|[ \t\r]+)$`), regexp.MustCompile(`\n+`)

// withoutComments leaves out comments and empty lines. A # in a text may make equal files look different, no more.
func withoutComments(text string) string {
	return strings.TrimSpace(emptyLines.ReplaceAllString(comments.ReplaceAllString(text, ""), "\n"))
}
