package awstest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Secrets is AWS Secrets Manager.
type Secrets struct {
	Service
	now     func() time.Time
	secrets map[string]*storedSecret
	denied  map[string]bool
}

// storedSecret keeps the current version and the one before it.
type storedSecret struct {
	name     string
	versions int
	current  version
	previous version
}

type version struct {
	id      string
	text    string
	binary  []byte
	created time.Time
}

func newSecrets(now func() time.Time) *Secrets {
	s := &Secrets{now: now, secrets: map[string]*storedSecret{}, denied: map[string]bool{}}
	s.Service = Service{
		target:      "secretsmanager",
		scope:       "secretsmanager",
		contentType: "application/x-amz-json-1.1",
		operations: map[string]operation{
			"GetSecretValue": typed(s.getValue),
			"CreateSecret":   typed(s.create),
			"PutSecretValue": typed(s.putValue),
			"DescribeSecret": typed(s.describe),
		},
	}
	return s
}

// Put stores a text as the current version.
func (s *Secrets) Put(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(name, text, nil)
}

// PutBinary stores bytes as the current version.
func (s *Secrets) PutBinary(name string, binary []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(name, "", binary)
}

// Remove takes a secret away.
func (s *Secrets) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, name)
}

// Deny lets a secret's calls be refused, or be allowed again.
func (s *Secrets) Deny(name string, denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[name] = denied
}

type secretInput struct {
	SecretID     string `json:"SecretId"`
	Name         string `json:"Name"`
	VersionStage string `json:"VersionStage"`
	VersionID    string `json:"VersionId"`
	SecretString string `json:"SecretString"`
	SecretBinary []byte `json:"SecretBinary"`
}

func (s *Secrets) getValue(_ context.Context, in *secretInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	v, stage := stored.current, "AWSCURRENT"
	if in.VersionStage == "AWSPREVIOUS" || in.VersionID != "" && in.VersionID == stored.previous.id {
		v, stage = stored.previous, "AWSPREVIOUS"
	}
	if v.id == "" || in.VersionStage != "" && in.VersionStage != stage || in.VersionID != "" && in.VersionID != v.id {
		return nil, notFound("Secrets Manager can't find the specified secret value for the version.")
	}
	out := map[string]any{
		"ARN": stored.arn(), "Name": stored.name, "VersionId": v.id,
		"VersionStages": []string{stage}, "CreatedDate": float64(v.created.UnixMilli()) / 1000,
	}
	if v.binary != nil {
		out["SecretBinary"] = v.binary
	} else {
		out["SecretString"] = v.text
	}
	return out, nil
}

func (s *Secrets) create(_ context.Context, in *secretInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied[in.Name] {
		return nil, accessDenied(in.Name)
	}
	if s.secrets[in.Name] != nil {
		return nil, &Refusal{Code: "ResourceExistsException", Message: "The operation failed because the secret already exists."}
	}
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+=.@-"
	if in.Name == "" || len(in.Name) > 512 || strings.Trim(in.Name, characters) != "" {
		return nil, &Refusal{Code: "ValidationException", Message: "Invalid name."}
	}
	return s.store(in.Name, in.SecretString, in.SecretBinary), nil
}

func (s *Secrets) putValue(_ context.Context, in *secretInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	return s.store(stored.name, in.SecretString, in.SecretBinary), nil
}

func (s *Secrets) describe(_ context.Context, in *secretInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.find(in.SecretID)
	if err != nil {
		return nil, err
	}
	stages := map[string][]string{stored.current.id: {"AWSCURRENT"}}
	if stored.previous.id != "" {
		stages[stored.previous.id] = []string{"AWSPREVIOUS"}
	}
	return map[string]any{"ARN": stored.arn(), "Name": stored.name, "VersionIdsToStages": stages}, nil
}

// find looks a secret up by its name or ARN; s.mu is held. What may not be seen is denied before it is looked for.
func (s *Secrets) find(id string) (*storedSecret, error) {
	name := id
	if prefix := arnPrefix(""); strings.HasPrefix(id, prefix) {
		name = strings.TrimPrefix(id, prefix)
		name = name[:max(0, len(name)-len("-abcdef"))]
	}
	if s.denied[name] {
		return nil, accessDenied(name)
	}
	if stored := s.secrets[name]; stored != nil {
		return stored, nil
	}
	return nil, notFound("Secrets Manager can't find the specified secret.")
}

// store puts a new version in front; s.mu is held.
func (s *Secrets) store(name, text string, binary []byte) any {
	stored := s.secrets[name]
	if stored == nil {
		stored = &storedSecret{name: name}
		s.secrets[name] = stored
	}
	stored.versions++
	stored.previous = stored.current
	stored.current = version{fmt.Sprintf("00000000-0000-4000-8000-%012d", stored.versions), text, binary, s.now()}
	return map[string]any{"ARN": stored.arn(), "Name": name, "VersionId": stored.current.id, "VersionStages": []string{"AWSCURRENT"}}
}

func (s *storedSecret) arn() string { return arnPrefix(s.name) + "-abcdef" }

func arnPrefix(name string) string {
	return "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:" + name
}

func notFound(message string) error {
	return &Refusal{Code: "ResourceNotFoundException", Message: message}
}

func accessDenied(name string) error {
	return &Refusal{Status: http.StatusBadRequest, Code: "AccessDeniedException",
		Message: "User is not authorized to perform this action on resource: " + name}
}
